//! Frames: what is made durable together stands in one frame with one check value.
//!
//! ```text
//! frame = length of the body (32 bits, little endian) │ check (16) │ body
//! ```
//!
//! A frame is on the disk before the next one is written, so only the last one can be half there after a crash. The check covers the file's
//! own id and the place in it: what an older file left on the disk's blocks is never taken for a frame of this one. A frame without a body
//! says that the vault was closed in order.
//!
//! The check finds accidents. What somebody changed on purpose is found by the seal of each record.

use super::keys::ID_BYTES;

/// Bytes before the body.
pub(super) const HEAD_BYTES: usize = 4 + CHECK_BYTES;
/// Most bytes of a body.
pub(super) const MAX_BODY_BYTES: usize = 512 * 1024;
/// Bytes of a check value.
pub(super) const CHECK_BYTES: usize = 16;

/// The check value of a body that stands there.
fn check(file_id: &[u8; ID_BYTES], at: u64, body: &[u8]) -> [u8; CHECK_BYTES] {
    let mut hasher = blake3::Hasher::new_derive_key("fraudnet vault 1 frame");
    hasher.update(file_id).update(&at.to_le_bytes()).update(body);
    *hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes")
}

/// The frame of that body at that place.
pub(super) fn write(file_id: &[u8; ID_BYTES], at: u64, body: &[u8]) -> Vec<u8> {
    assert!(body.len() <= MAX_BODY_BYTES, "a frame is read as a whole");
    let mut frame = Vec::with_capacity(HEAD_BYTES + body.len());
    frame.extend_from_slice(&(body.len() as u32).to_le_bytes());
    frame.extend_from_slice(&check(file_id, at, body));
    frame.extend_from_slice(body);
    frame
}

/// Length of the body of the frame with that head; none where it cannot be one.
pub(super) fn body_bytes(head: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*head.first_chunk()?) as usize;
    Some(length).filter(|length| *length <= MAX_BODY_BYTES && head.len() >= HEAD_BYTES)
}

/// The body of the frame that the bytes begin with, if it is whole and stands where it was written.
pub(super) fn body<'a>(file_id: &[u8; ID_BYTES], at: u64, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let body = bytes.get(HEAD_BYTES..HEAD_BYTES + body_bytes(bytes)?)?;
    Some(body).filter(|body| bytes[4..HEAD_BYTES] == check(file_id, at, body))
}

/// Whether a whole frame begins anywhere after the first byte of the file's end `bytes`: then they are no torn tail but damage.
pub(super) fn any_after_first(file_id: &[u8; ID_BYTES], at: u64, bytes: &[u8]) -> bool {
    (1..bytes.len()).any(|start| body(file_id, at + start as u64, &bytes[start..]).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_holds_at_its_place_in_its_file() {
        let frame = write(&[1; 16], 96, b"body");
        assert_eq!(body(&[1; 16], 96, &frame), Some(&b"body"[..]));
        assert_eq!(body(&[1; 16], 97, &frame), None);
        assert_eq!(body(&[2; 16], 96, &frame), None);
        for end in 0..frame.len() {
            assert_eq!(body(&[1; 16], 96, &frame[..end]), None, "{end} bytes");
        }
        for bit in 0..frame.len() * 8 {
            let mut changed = frame.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(body(&[1; 16], 96, &changed), None, "bit {bit}");
        }
        assert_eq!(body(&[1; 16], 0, &write(&[1; 16], 0, b"")), Some(&b""[..]), "the frame of a closed vault");
        assert_eq!(body(&[0; 16], 0, &[0; 64]), None, "zeros are no frame");
    }

    #[test]
    fn a_frame_is_found_behind_damage() {
        let mut bytes = vec![7; 33];
        bytes.extend(write(&[1; 16], 1_033, b"body"));
        assert!(any_after_first(&[1; 16], 1_000, &bytes));
        assert!(!any_after_first(&[1; 16], 1_000, &bytes[..bytes.len() - 1]));
        assert!(!any_after_first(&[1; 16], 1_033, &bytes[33..]), "the first one is not after the first");
    }
}
