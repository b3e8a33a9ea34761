//! The bytes of a segment file: its header, and the frames that hold the commits. Pure; stored; see `docs/FORMATS.md`.
//!
//! | header | bytes | field                                                        |
//! |-------:|------:|--------------------------------------------------------------|
//! |      0 |     8 | `MRNSEG01`: magic and version                                |
//! |      8 |    16 | log id                                                       |
//! |     24 |     4 | partition                                                    |
//! |     28 |     4 | length of the previous segment's file, 0 in the first        |
//! |     32 |     8 | seq of the first commit in this segment                      |
//! |     40 |     8 | the same of the previous segment, 0 in the first             |
//! |     48 |    32 | hash of the last commit before this segment, or the genesis  |
//! |     80 |     8 | check: first 8 bytes of BLAKE3 of the 80 before              |
//!
//! | frame | bytes | field                                                          |
//! |------:|------:|----------------------------------------------------------------|
//! |     0 |     4 | length of the record                                           |
//! |     4 |     4 | synced: up to where the file was durable when this was written |
//! |     8 |     8 | check: first 8 bytes of BLAKE3 of the 8 before and the envelope|
//! |    16 |     n | the record: envelope (84) and body                             |
//!
//! Integers are little-endian. The check covers the body through the envelope's hash of it, so no second checksum runs
//! over the body, and a reader needs no hash but BLAKE3. `synced` is what tells a torn tail from damage: a frame that
//! says "durable up to here" proves that all before that place was once good. A *mark* says only that: a frame of length
//! 0 without a record, whose `synced` is its own offset, written when the log is closed in peace.

use mirano_schemas::envelope::{Envelope, HEADER_LEN, MAX_COMMIT_LEN};
use mirano_schemas::{CommitHash, LogId};

/// Magic of the one version of segments that is written and read.
pub const SEGMENT_MAGIC: [u8; 8] = *b"MRNSEG01";
/// Bytes of a segment's header.
pub const SEGMENT_HEADER_LEN: usize = 88;
/// Bytes of a frame before the record.
pub const FRAME_LEN: usize = 16;

/// The header of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The log.
    pub log_id: LogId,
    /// The partition.
    pub partition: u32,
    /// Bytes of the previous segment's file; 0 in the first.
    pub previous_len: u32,
    /// `seq` of the first commit in this segment.
    pub first_seq: u64,
    /// `first_seq` of the previous segment; 0 in the first.
    pub previous_first_seq: u64,
    /// Hash of the last commit before this segment.
    pub upon: CommitHash,
}

/// One good frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The file was durable up to here when the frame was written: where its batch starts.
    pub synced: u32,
    /// The record's envelope.
    pub envelope: Envelope,
    /// Envelope and body.
    pub record: &'a [u8],
}

/// Why there is no good frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The bytes end before the frame does: it has `need` bytes in all, as far as can be seen.
    #[error("it ends too early")]
    Short {
        /// Bytes of the frame, or of its fixed part when that is not complete.
        need: usize,
    },
    /// Not a frame.
    #[error("{0}")]
    Damaged(&'static str),
    /// Frame and envelope are good, the body is not.
    #[error("the body does not match its hash")]
    Body,
}

fn check(parts: &[&[u8]]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut out = [0; 8];
    hasher.finalize_xof().fill(&mut out);
    out
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(head)
}

impl SegmentHeader {
    /// The 88 bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEADER_LEN);
        out.extend_from_slice(&SEGMENT_MAGIC);
        out.extend_from_slice(self.log_id.as_bytes());
        out.extend_from_slice(&self.partition.to_le_bytes());
        out.extend_from_slice(&self.previous_len.to_le_bytes());
        out.extend_from_slice(&self.first_seq.to_le_bytes());
        out.extend_from_slice(&self.previous_first_seq.to_le_bytes());
        out.extend_from_slice(&self.upon.0);
        out.extend_from_slice(&check(&[&out]));
        out
    }

    /// Reads the header at the start of `bytes`; the error says what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        const SHORT: &str = "it is cut";
        let (checked, rest) = bytes.split_at_checked(SEGMENT_HEADER_LEN - 8).ok_or(SHORT)?;
        let mut fields = checked;
        if *take::<8>(&mut fields).ok_or(SHORT)? != SEGMENT_MAGIC {
            return Err("another magic or version");
        }
        if rest.first_chunk::<8>().ok_or(SHORT)? != &check(&[checked]) {
            return Err("its check does not match");
        }
        let log_id = LogId(*take(&mut fields).ok_or(SHORT)?);
        let partition = u32::from_le_bytes(*take(&mut fields).ok_or(SHORT)?);
        let previous_len = u32::from_le_bytes(*take(&mut fields).ok_or(SHORT)?);
        let first_seq = u64::from_le_bytes(*take(&mut fields).ok_or(SHORT)?);
        let previous_first_seq = u64::from_le_bytes(*take(&mut fields).ok_or(SHORT)?);
        let upon = CommitHash(*take(&mut fields).ok_or(SHORT)?);
        Ok(Self { log_id, partition, previous_len, first_seq, previous_first_seq, upon })
    }
}

/// Appends the frame of a record that begins with a whole envelope. `synced` is where its batch starts in the file.
pub fn write_frame(out: &mut Vec<u8>, synced: u32, record: &[u8]) {
    debug_assert!(record.len() >= HEADER_LEN && record.len() <= MAX_COMMIT_LEN);
    let len = u32::try_from(record.len()).unwrap_or(u32::MAX).to_le_bytes();
    let synced = synced.to_le_bytes();
    let envelope = record.get(..HEADER_LEN).unwrap_or_default();
    out.reserve(FRAME_LEN + record.len());
    out.extend_from_slice(&len);
    out.extend_from_slice(&synced);
    out.extend_from_slice(&check(&[&len, &synced, envelope]));
    out.extend_from_slice(record);
}

/// The mark that stands at `offset`: all before it is durable.
pub fn mark(offset: usize) -> [u8; FRAME_LEN] {
    let fixed = (u64::from(u32::try_from(offset).unwrap_or(u32::MAX)) << 32).to_le_bytes();
    let mut out = [0; FRAME_LEN];
    let (head, tail) = out.split_at_mut(8);
    head.copy_from_slice(&fixed);
    tail.copy_from_slice(&check(&[&fixed]));
    out
}

impl<'a> Frame<'a> {
    /// Bytes of the whole frame.
    pub fn len(&self) -> usize {
        FRAME_LEN + self.record.len()
    }

    /// Reads the frame at the start of `bytes`, body and all.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let (frame, body) = Self::parse_unread(bytes)?;
        if *blake3::hash(body).as_bytes() != frame.envelope.body_hash {
            return Err(FrameError::Body);
        }
        Ok(frame)
    }

    /// Reads the frame at the start of `bytes` without comparing the body with its hash: for passing over it.
    pub fn skip(bytes: &'a [u8]) -> Result<Self, FrameError> {
        Ok(Self::parse_unread(bytes)?.0)
    }

    fn parse_unread(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), FrameError> {
        const FIXED: FrameError = FrameError::Short { need: FRAME_LEN + HEADER_LEN };
        let mut rest = bytes;
        let len_bytes = take::<4>(&mut rest).ok_or(FIXED)?;
        let synced_bytes = take::<4>(&mut rest).ok_or(FIXED)?;
        let found = take::<8>(&mut rest).ok_or(FIXED)?;
        let header = rest.get(..HEADER_LEN).ok_or(FIXED)?;
        if *found != check(&[len_bytes, synced_bytes, header]) {
            return Err(FrameError::Damaged("its check does not match"));
        }
        let len = u32::from_le_bytes(*len_bytes) as usize;
        let envelope = Envelope::parse(header).map_err(|_| FrameError::Damaged("it holds no envelope"))?;
        if len != HEADER_LEN + envelope.body_len as usize {
            return Err(FrameError::Damaged("its length is not the envelope's"));
        }
        let record = rest.get(..len).ok_or(FrameError::Short { need: FRAME_LEN + len })?;
        let body = record.get(HEADER_LEN..).unwrap_or_default();
        Ok((Self { synced: u32::from_le_bytes(*synced_bytes), envelope, record }, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use mirano_schemas::Position;
    use mirano_schemas::envelope::Head;

    fn hex(bytes: &[u8]) -> String {
        bytes.chunks(16).map(|row| row.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n").collect()
    }

    #[test]
    fn bytes_never_change() {
        let log_id = LogId([7; 16]);
        let head = Head::genesis(log_id, 2);
        let header = SegmentHeader {
            log_id,
            partition: 2,
            previous_len: 3,
            first_seq: 4,
            previous_first_seq: 1,
            upon: head.hash,
        };
        let mut file = header.to_bytes();
        assert_eq!(SegmentHeader::parse(&file), Ok(header));
        let envelope = Envelope::seal(Position { partition: 2, seq: 4 }, head.hash, b"body").expect("small");
        write_frame(&mut file, 88, &[&envelope.to_bytes()[..], b"body"].concat());
        file.extend_from_slice(&mark(file.len()));
        expect![[r#"
            4d524e53454730310707070707070707
            07070707070707070200000003000000
            04000000000000000100000000000000
            36d3d57ed38d1420ca1af3071243af1e
            81672c4fa20af3e9fde11a4032eb6507
            194f555a7eece3e25800000058000000
            8332baad086d83424d524e3102000000
            040000000000000036d3d57ed38d1420
            ca1af3071243af1e81672c4fa20af3e9
            fde11a4032eb6507040000000be9c598
            ae63835518e7fb422dc3027f452d75f3
            dbdb94c90d843298b1180ad9626f6479
            00000000c00000003879bd751420ed58
        "#]]
        .assert_eq(&hex(&file));
    }

    #[test]
    fn frames_round_trip_and_every_changed_byte_shows() {
        let body = [9u8; 50];
        let envelope = Envelope::seal(Position { partition: 1, seq: 5 }, CommitHash([3; 32]), &body).expect("small");
        let record = [&envelope.to_bytes()[..], &body].concat();
        let mut bytes = Vec::new();
        write_frame(&mut bytes, 1234, &record);
        let frame = Frame::parse(&bytes).expect("a good frame");
        assert_eq!((frame.synced, frame.envelope, frame.record), (1234, envelope, record.as_slice()));
        assert_eq!(Frame::skip(&bytes), Ok(frame));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            assert!(Frame::parse(&changed).is_err(), "byte {at}");
            assert!(matches!(Frame::parse(&bytes[..at]), Err(FrameError::Short { need }) if need > at), "cut at {at}");
        }
    }
}
