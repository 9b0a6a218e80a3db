use zeroize::Zeroizing;

use super::secret::folded;

/// The most common passwords, one a line, folded, in the order of their bytes: see `data/README.md`. It stays in the
/// program's file and is read in place, so it costs memory only for the pages that a search touches.
static LIST: &[u8] = include_bytes!("data/common-passwords.txt");

/// No line of the list is longer.
const LONGEST: usize = 96;

/// Whether the text, folded, is on the list.
pub(super) fn is_common(text: &str) -> bool {
    let mut buffer = Zeroizing::new([0u8; LONGEST]);
    let mut length = 0;
    for c in folded(text) {
        let end = length + c.len_utf8();
        let Some(place) = buffer.get_mut(length..end) else {
            return false;
        };
        c.encode_utf8(place);
        length = end;
    }
    contains(LIST, &buffer[..length])
}

/// Binary search over lines: each probe is moved back to the begin of its line.
fn contains(list: &[u8], wanted: &[u8]) -> bool {
    let (mut low, mut high) = (0, list.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        let start = list[low..middle]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(low, |at| low + at + 1);
        let end = list[middle..high]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(high, |at| middle + at);
        match list[start..end].cmp(wanted) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn lines() -> Vec<&'static str> {
        std::str::from_utf8(LIST).unwrap().lines().collect()
    }

    #[test]
    fn the_list_is_long_sorted_and_folded() {
        let lines = lines();
        assert!(lines.len() >= 10_000, "{}", lines.len());
        assert!(lines.is_sorted_by(|a, b| a.as_bytes() < b.as_bytes()));
        for line in lines {
            assert!(!line.is_empty() && line.len() <= LONGEST);
            assert!(folded(line).eq(line.chars()), "{line}");
        }
    }

    #[test]
    fn every_line_is_found_in_any_case() {
        for line in lines() {
            assert!(is_common(line), "{line}");
            assert!(is_common(&format!(" {} ", line.to_uppercase())), "{line}");
        }
    }

    #[test]
    fn others_are_not() {
        for text in [
            "",
            "admin-password",
            "1234567890123456789012345678901234567890",
            "\n",
            "123456\n12345678",
        ] {
            assert!(!is_common(text), "{text:?}");
        }
        assert!(!is_common(&"x".repeat(10_000)));
    }

    proptest! {
        #[test]
        fn search_agrees_with_a_set(words in prop::collection::btree_set("[a-c]{1,3}", 0..20), wanted in "[a-c]{0,3}") {
            let words: BTreeSet<String> = words;
            let list: String = words.iter().flat_map(|word| [word.as_str(), "\n"]).collect();
            prop_assert_eq!(contains(list.as_bytes(), wanted.as_bytes()), words.contains(&wanted));
        }
    }
}
