use proptest::prelude::*;

use super::*;
use crate::{clock::Timestamp, rng::SystemRng};

fn passphrase() -> Password {
    Password::new("a passphrase of tests")
}

fn header() -> Header {
    Header {
        created_at: Timestamp::from_millis(1_700_000_000_000),
        version: "0.1.0".to_owned(),
        engine: "sqlite".to_owned(),
    }
}

fn row(number: i64) -> Vec<Cell> {
    vec![
        Cell::Integer(number),
        Cell::Text(format!("ada{number}@example.com")),
        Cell::Null,
        Cell::Bytes(vec![7; 16]),
    ]
}

fn archive(rows: i64) -> Vec<u8> {
    let mut archive = ArchiveWriter::new(Vec::new(), &header(), &passphrase(), &SystemRng).unwrap();
    for table in ["first", "second"] {
        archive.table(table, &["id", "email", "name", "key"]).unwrap();
        for number in 0..rows {
            archive.row(&row(number)).unwrap();
        }
        assert_eq!(archive.end_table().unwrap().rows, rows.unsigned_abs());
    }
    archive.finish().unwrap()
}

/// The number of rows, after all has been read.
fn read(bytes: &[u8]) -> Result<i64, ArchiveError> {
    let locked = ArchiveReader::open(bytes)?;
    assert_eq!(*locked.header(), header());
    read_all(locked.unlock(&passphrase())?)
}

fn read_all(mut archive: ArchiveReader<&[u8]>) -> Result<i64, ArchiveError> {
    let mut rows = 0;
    while let Some(entry) = archive.next()? {
        if let Entry::Row(found) = entry {
            assert!(found == row(rows % 5_000));
            rows += 1;
        }
    }
    assert!(archive.next()?.is_none());
    Ok(rows)
}

/// Where the sealed part begins.
fn begin(bytes: &[u8]) -> usize {
    let length = u32::from_be_bytes(bytes[20..24].try_into().unwrap());
    24 + usize::try_from(length).unwrap() + 64
}

/// What a writer with the passphrase but without our code could seal.
fn sealed(plain: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let key = header::write(&mut bytes, &header(), &passphrase(), &SystemRng).unwrap();
    let mut to = Encoder::new(Sealing::new(bytes, &key), LEVEL).unwrap();
    to.write_all(plain).unwrap();
    to.finish().unwrap().finish().unwrap()
}

#[test]
fn it_comes_back_small_and_unreadable() {
    let bytes = archive(5_000);
    assert_eq!(read(&bytes).unwrap(), 10_000);
    assert!(bytes.len() < 200_000, "{}", bytes.len());
    assert!(!bytes.windows(3).any(|window| window == b"ada"));
}

#[test]
fn the_begin_says_what_is_wrong_with_it() {
    let bytes = archive(1);
    for other in [&b""[..], b"PK\x03\x04", &[0; 200], &bytes[1..]] {
        assert!(matches!(read(other), Err(ArchiveError::Other)));
    }
    let changed = |at: usize, byte: u8| {
        let mut changed = bytes.clone();
        changed[at] = byte;
        read(&changed).unwrap_err()
    };
    assert!(matches!(changed(18, b'2'), ArchiveError::Newer));
    for at in [20, 23, 40, begin(&bytes) - 40] {
        assert!(
            matches!(
                changed(at, !bytes[at]),
                ArchiveError::DamagedBegin | ArchiveError::CutOff
            ),
            "{at}"
        );
    }
    assert!(matches!(read(&bytes[..60]), Err(ArchiveError::CutOff)));
    let locked = ArchiveReader::open(&bytes[..]).unwrap();
    let wrong = locked.unlock(&Password::new("a passphrase of others"));
    assert!(matches!(wrong.err(), Some(ArchiveError::Passphrase)));
    let short = ArchiveWriter::new(Vec::new(), &header(), &Password::new("elevenchars"), &SystemRng);
    assert!(matches!(short.err(), Some(ArchiveError::Short { least: 12 })));
}

#[test]
fn a_passphrase_that_would_cost_gigabytes_is_not_tried() {
    let bytes = archive(1);
    for costs in ["[99999999,3,1]", "[65536,99999,1]", "[8,1,1]"] {
        let length = u32::from_be_bytes(bytes[20..24].try_into().unwrap());
        let json = String::from_utf8(bytes[24..24 + usize::try_from(length).unwrap()].to_vec()).unwrap();
        let (memory, passes, lanes) = header::COST;
        let json = json.replace(&format!("[{memory},{passes},{lanes}]"), costs);
        let mut forged = bytes[..20].to_vec();
        forged.extend_from_slice(&u32::try_from(json.len()).unwrap().to_be_bytes());
        forged.extend_from_slice(json.as_bytes());
        let digest = <sha2::Sha256 as sha2::Digest>::digest(&forged);
        forged.extend_from_slice(&digest);
        forged.extend_from_slice(&[0; 64]);
        let opened = ArchiveReader::open(&forged[..]);
        assert!(matches!(opened.err(), Some(ArchiveError::Costly(_))), "{costs}");
    }
}

#[test]
fn a_missing_end_is_noticed() {
    let bytes = archive(5_000);
    for cut in [begin(&bytes), begin(&bytes) + 100, bytes.len() - 1] {
        let error = read(&bytes[..cut]).unwrap_err();
        assert!(
            matches!(error, ArchiveError::CutOff | ArchiveError::Damaged),
            "{error}"
        );
    }
    // Sealed to its end, but without the end of the archive.
    assert!(matches!(read(&sealed(b"")), Err(ArchiveError::CutOff)));
}

#[test]
fn whoever_has_the_passphrase_still_cannot_fill_the_memory() {
    // A gigabyte of zeros in some kilobytes; and an entry that announces more than it has.
    for plain in [
        vec![0u8; 1 << 24],
        [&[ROW][..], &[0xff; 4], &[0; 64]].concat(),
        [&[TABLE][..], &[2, 0, 0, 0], &[0; 64]].concat(),
        [&[LAST][..], &[0; 4], b"more"].concat(),
        [&[END][..], &[0; 4]].concat(),
        [&[TABLE][..], &[0, 0, 0, 2], b"{}"].concat(),
    ] {
        let error = read(&sealed(&plain)).unwrap_err();
        assert!(
            matches!(error, ArchiveError::Form(_) | ArchiveError::CutOff),
            "{error}"
        );
    }
    // A window of 128 MiB.
    let mut bytes = Vec::new();
    let key = header::write(&mut bytes, &header(), &passphrase(), &SystemRng).unwrap();
    let mut to = Encoder::new(Sealing::new(bytes, &key), 1).unwrap();
    to.window_log(27).unwrap();
    to.write_all(&[0; 100]).unwrap();
    let bytes = to.finish().unwrap().finish().unwrap();
    assert!(matches!(read(&bytes), Err(ArchiveError::Io(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn no_changed_byte_passes(at: prop::sample::Index, by in 1u8..=255) {
        let mut bytes = archive(3);
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        prop_assert!(read(&bytes).is_err());
    }
}
