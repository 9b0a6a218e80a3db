//! What is written in paths.

/// What to do about a path that axum cannot serve.
pub(super) fn unservable(path: &str) -> Option<&'static str> {
    let Some(rest) = path.strip_prefix('/') else {
        return Some("start it with `/`");
    };
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        if segment.starts_with([':', '*']) {
            return Some("write parameters as `{name}` and `{*rest}`");
        }
        let Some(name) = parameter(segment) else {
            if segment.contains(['{', '}']) {
                return Some("a parameter is a whole segment, `{name}` or `{*rest}`");
            }
            continue;
        };
        let is_rest = name.starts_with('*');
        if is_rest && segments.peek().is_some() {
            return Some("nothing can come after `{*rest}`");
        }
        if name.trim_start_matches('*').is_empty() || name.contains(['{', '}']) {
            return Some("a parameter needs a name");
        }
    }
    None
}

fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// The path without the names of its parameters.
pub(super) fn shape(path: &str) -> String {
    let segments: Vec<&str> = path
        .split('/')
        .map(|segment| match parameter(segment) {
            Some(name) if name.starts_with('*') => "{*}",
            Some(_) => "{}",
            None => segment,
        })
        .collect();
    segments.join("/")
}
