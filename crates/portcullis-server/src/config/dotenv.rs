//! The `.env` file: `NAME=value` lines. Only names that begin with `PORTCULLIS_` are taken; such a file often serves
//! several programs.

/// A line that is not `NAME=value`, by its number. The text is not repeated: it may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadLine(pub(crate) usize);

/// Reads the lines: `#` begins a comment line, `export ` may come first, values may be quoted. In double quotes `\n`,
/// `\"` and `\\` are what they are in a shell; nothing is expanded.
pub(crate) fn parse(text: &str) -> Vec<Result<(String, String), BadLine>> {
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                return None;
            }
            Some(assignment(line).ok_or(BadLine(index + 1)))
        })
        .collect()
}

fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return None;
    }
    Some((name.to_owned(), unquote(value.trim())?))
}

fn unquote(value: &str) -> Option<String> {
    let mut chars = value.chars();
    match chars.next() {
        Some('\'') => {
            let (inner, rest) = value[1..].split_once('\'')?;
            only_comment(rest).then(|| inner.to_owned())
        }
        Some('"') => {
            let mut inner = String::new();
            loop {
                match chars.next()? {
                    '"' => break,
                    '\\' => match chars.next()? {
                        'n' => inner.push('\n'),
                        other => inner.push(other),
                    },
                    other => inner.push(other),
                }
            }
            only_comment(chars.as_str()).then_some(inner)
        }
        // A `#` inside a bare value belongs to it unless white space comes before: secrets may hold one.
        _ => Some(value.split(" #").next().unwrap_or(value).trim_end().to_owned()),
    }
}

fn only_comment(rest: &str) -> bool {
    let rest = rest.trim();
    rest.is_empty() || rest.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_a_shell_would() {
        let text =
            "# comment\n\nA=1\nexport B = two \nC='it''s'\nD='a # b' # c\nE=\"x\\\"y\\\\z\"\nF=p#q # r\nG=\n";
        let read: Vec<_> = parse(text).into_iter().collect();
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(
            read,
            [
                pair("A", "1"),
                pair("B", "two"),
                Err(BadLine(5)),
                pair("D", "a # b"),
                pair("E", "x\"y\\z"),
                pair("F", "p#q"),
                pair("G", ""),
            ]
        );
    }

    #[test]
    fn what_is_no_assignment_is_named_by_its_line() {
        assert_eq!(parse("just words"), [Err(BadLine(1))]);
        assert_eq!(parse("\nA=\"open"), [Err(BadLine(2))]);
        assert_eq!(parse("=x"), [Err(BadLine(1))]);
    }
}
