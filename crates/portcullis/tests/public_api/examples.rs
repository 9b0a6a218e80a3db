//! Which parts of the public API have no example that compiles.
//!
//! What stands in a module (a type, a trait, a function, a constant, a macro) has one of its own. A method or an associated
//! constant has one of its own, or is named by that of its `impl` block, type or trait. That examples compile is what
//! `cargo test --doc` is for.

use std::collections::BTreeSet;

use rustdoc_types::{Crate, Id, Item, ItemEnum, Visibility};

use super::rustdoc;

/// What has none, each with its file. Of our other crates what `portcullis` takes over by name: what it offers of core as a
/// whole, under `portcullis::core`, is for those who go below it.
pub(crate) fn lacking() -> Vec<String> {
    let [public, below @ ..] = rustdoc::of_all();
    let mut lacking: Vec<String> = public
        .index
        .values()
        .flat_map(|item| check(&public, item))
        .collect();
    for path in taken_over(&public) {
        let found = below.iter().find_map(|of| Some((of, at(of, &path)?)));
        let (of, item) = found.unwrap_or_else(|| panic!("{} is not there", path.join("::")));
        lacking.extend(check(of, item));
    }
    lacking.sort();
    lacking
}

/// The items of our other crates that `public` offers by name.
fn taken_over(public: &Crate) -> BTreeSet<Vec<String>> {
    public
        .index
        .values()
        .filter_map(|item| match &item.inner {
            ItemEnum::Use(taken) => public.paths.get(&taken.id?),
            _ => None,
        })
        .filter(|summary| summary.crate_id != 0 && summary.path.len() > 1)
        .filter(|summary| summary.path[0].starts_with("portcullis_"))
        .map(|summary| summary.path.clone())
        .collect()
}

/// What is at `path`.
fn at<'a>(of: &'a Crate, path: &[String]) -> Option<&'a Item> {
    let by_path = of
        .paths
        .iter()
        .filter(|(_, summary)| summary.crate_id == 0 && summary.path == path);
    let macros = of.index.values().filter(|item| {
        // The path of a derive leads to another id than it has.
        path[0] == "portcullis_macros"
            && matches!(item.inner, ItemEnum::ProcMacro(_))
            && item.name.as_ref() == path.last()
    });
    by_path
        .filter_map(|(id, _)| of.index.get(id))
        .chain(macros)
        .next()
}

/// What of one item, its methods among it, has no example.
fn check(of: &Crate, item: &Item) -> Vec<String> {
    if item.crate_id != 0 {
        return Vec::new();
    }
    let methods: Vec<(&Item, Option<&Item>)> = match &item.inner {
        ItemEnum::Struct(inner) => inherent(of, &inner.impls),
        ItemEnum::Enum(inner) => inherent(of, &inner.impls),
        ItemEnum::Trait(inner) => inner.items.iter().map(|id| (&of.index[id], None)).collect(),
        ItemEnum::Function(_) if !of.paths.contains_key(&item.id) => return Vec::new(),
        ItemEnum::Function(_)
        | ItemEnum::TypeAlias(_)
        | ItemEnum::Constant { .. }
        | ItemEnum::Static(_)
        | ItemEnum::Macro(_)
        | ItemEnum::ProcMacro(_) => Vec::new(),
        _ => return Vec::new(),
    };
    let mut lacking = Vec::new();
    if code(item).is_empty() {
        lacking.push(place(item, None));
    }
    lacking.extend(
        methods
            .into_iter()
            .filter(|(method, _)| matches!(method.inner, ItemEnum::Function(_) | ItemEnum::AssocConst { .. }))
            .filter(|(method, block)| {
                code(method).is_empty()
                    && !names(&code(item), method)
                    && !block.is_some_and(|block| names(&code(block), method))
            })
            .map(|(method, _)| place(method, Some(item))),
    );
    lacking
}

/// The public items of the `impl` blocks that are of no trait, each with its block.
fn inherent<'a>(of: &'a Crate, impls: &[Id]) -> Vec<(&'a Item, Option<&'a Item>)> {
    impls
        .iter()
        .filter_map(|id| of.index.get(id))
        .filter_map(|block| match &block.inner {
            ItemEnum::Impl(inner) if inner.trait_.is_none() => Some((block, inner)),
            _ => None,
        })
        .flat_map(|(block, inner)| inner.items.iter().map(move |id| (&of.index[id], Some(block))))
        .filter(|(method, _)| method.visibility == Visibility::Public)
        .collect()
}

fn place(item: &Item, of: Option<&Item>) -> String {
    let file = item.span.as_ref().map(|span| span.filename.display().to_string());
    let of = of
        .and_then(|of| of.name.as_deref())
        .map(|name| format!("{name}::"));
    format!(
        "{}: {}{}",
        file.unwrap_or_default(),
        of.unwrap_or_default(),
        item.name.as_deref().unwrap_or_default()
    )
}

/// The code of all examples of an item that are compiled and may compile.
fn code(item: &Item) -> String {
    let mut code = String::new();
    let mut within = None;
    for line in item.docs.as_deref().unwrap_or_default().lines() {
        match (within, line.trim_start().strip_prefix("```")) {
            (None, Some(info)) => within = Some(is_compiled(info)),
            (Some(_), Some(_)) => within = None,
            (Some(true), None) => {
                code.push_str(line);
                code.push('\n');
            }
            _ => {}
        }
    }
    code
}

/// By what stands behind the back quotes.
fn is_compiled(info: &str) -> bool {
    info.split(',')
        .map(str::trim)
        .all(|word| matches!(word, "" | "rust" | "no_run" | "should_panic"))
}

/// Whether `code` calls, or defines, what the name of `method` says: `.name`, `::name`, `fn name`, `const name`.
fn names(code: &str, method: &Item) -> bool {
    let name = method.name.as_deref().unwrap_or_default();
    code.match_indices(name).any(|(at, _)| {
        let before = &code[..at];
        let after = code[at + name.len()..].chars().next();
        [".", "::", "fn ", "const "]
            .iter()
            .any(|mark| before.ends_with(mark))
            && after.is_none_or(|after| !after.is_alphanumeric() && after != '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, docs: &str) -> Item {
        serde_json::from_value(serde_json::json!({
            "id": 0, "crate_id": 0, "name": name, "span": null, "visibility": "public", "docs": docs, "links": {},
            "attrs": [], "deprecation": null, "stability": null, "const_stability": null, "inner": {"extern_type": null},
        }))
        .unwrap()
    }

    #[test]
    fn only_what_is_compiled_is_an_example() {
        for (docs, expected) in [
            ("No example.", ""),
            ("```\na\n```", "a\n"),
            ("```no_run\na\n```\nand\n```rust\nb\n```", "a\nb\n"),
            ("```text\na\n```", ""),
            ("```ignore\na\n```", ""),
            ("```compile_fail,E0308\na\n```", ""),
        ] {
            assert_eq!(code(&item("x", docs)), expected, "{docs}");
        }
    }

    #[test]
    fn a_method_is_named_by_a_call_or_a_definition_of_that_very_name() {
        for (code, expected) in [
            ("a.get(1)", true),
            ("A::get", true),
            ("fn get(self) {}", true),
            ("get(1)", false),
            ("a.gets()", false),
            ("a.forget()", false),
        ] {
            assert_eq!(names(code, &item("get", "")), expected, "{code}");
        }
    }
}
