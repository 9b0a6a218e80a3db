use std::io::{self, BufRead, Read};

use zeroize::Zeroizing;

use crate::commands::Failure;

/// The token on stdin, of at most `longest` bytes if it is to be taken, without the line break that `echo` adds. Nothing else is taken away: a space belongs to what is
/// judged.
pub(super) fn token(longest: usize) -> Result<Zeroizing<String>, Failure> {
    read(io::stdin().lock(), longest).map_err(|source| Failure::Read {
        place: "stdin".to_owned(),
        source,
    })
}

fn read(from: impl BufRead, longest: usize) -> io::Result<Zeroizing<String>> {
    // One more than a token may have, and a line break: too long stays too long.
    let most = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(3);
    let mut bytes = Zeroizing::new(Vec::new());
    from.take(most).read_to_end(&mut bytes)?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // What is not UTF-8 is no token either way; it comes out as one that is not valid.
    Ok(Zeroizing::new(String::from_utf8_lossy(line).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_line_break_is_no_part_of_the_token() {
        for (input, token) in [
            ("a.b.c", "a.b.c"),
            ("a.b.c\n", "a.b.c"),
            ("a.b.c\r\n", "a.b.c"),
            (" a.b.c \n", " a.b.c "),
            ("a.b.c\n\n", "a.b.c\n"),
            ("", ""),
        ] {
            assert_eq!(*read(input.as_bytes(), 100).unwrap(), token);
        }
        assert_eq!(*read(&b"a\xff"[..], 100).unwrap(), "a\u{fffd}");
        let endless = read(io::BufReader::new(io::repeat(b'a')), 1000).unwrap();
        assert!(endless.len() > 1000 && endless.len() < 1010);
    }
}
