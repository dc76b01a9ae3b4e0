//! Messages that only who has the key can write.
//!
//! What travels through a queue that others can reach carries a keyed MAC (BLAKE3) over what it
//! is, which study and epoch it belongs to, and its bytes. It is not encrypted: use TLS for that.

use crate::job::StudyId;

/// The secret that a coordinator and its workers share.
#[derive(Clone)]
pub struct Key([u8; 32]);

/// What a message is, so that one kind is never taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What a worker has to know of a study.
    Spec,
    /// A job.
    Job,
    /// The result of a job.
    Result,
    /// What all workers of a server are told.
    Order,
}

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It is shorter than any message.
    #[error("a message that is cut short")]
    Short,
    /// Its MAC is not that of its bytes: another key, another study, or damage.
    #[error("a message that was not written with this key")]
    Forged,
}

const MAC: usize = 32;
const EPOCH: usize = 8;

impl Key {
    /// The key that a secret text stands for; white space at its ends does not count.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(blake3::derive_key("optimize: messages of a queue, v1", text.trim().as_bytes()))
    }

    /// Tells two keys apart without showing either: people compare those of two machines. No
    /// message begins like what is hashed here.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let hash = blake3::keyed_hash(&self.0, b"optimize: fingerprint of a key, v1");
        hash.to_hex().chars().take(8).collect()
    }

    /// The bytes of a message: epoch, payload, MAC.
    #[must_use]
    pub fn seal(&self, kind: Kind, study: StudyId, epoch: u64, payload: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(EPOCH + payload.len() + MAC);
        message.extend_from_slice(&epoch.to_le_bytes());
        message.extend_from_slice(payload);
        let mac = self.mac(kind, study, &message);
        message.extend_from_slice(mac.as_bytes());
        message
    }

    /// Epoch and payload of a message.
    ///
    /// # Errors
    /// It was cut short, altered, or written with another key or for something else.
    pub fn open<'a>(
        &self,
        kind: Kind,
        study: StudyId,
        message: &'a [u8],
    ) -> Result<(u64, &'a [u8]), SealError> {
        let length = message.len().checked_sub(MAC).filter(|length| *length >= EPOCH);
        let (signed, found) = message.split_at(length.ok_or(SealError::Short)?);
        let found: [u8; MAC] = found.try_into().expect("split at its length");
        // The comparison of BLAKE3's hashes takes the same time wherever they differ.
        if self.mac(kind, study, signed) != blake3::Hash::from_bytes(found) {
            return Err(SealError::Forged);
        }
        let (epoch, payload) = signed.split_at(EPOCH);
        Ok((u64::from_le_bytes(epoch.try_into().expect("eight bytes")), payload))
    }

    fn mac(&self, kind: Kind, study: StudyId, signed: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&[match kind {
            Kind::Spec => 0,
            Kind::Job => 1,
            Kind::Result => 2,
            Kind::Order => 3,
        }]);
        hasher.update(&study.0);
        hasher.update(signed);
        hasher.finalize()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Key(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUDY: StudyId = StudyId([7; 32]);

    #[test]
    fn only_the_same_key_kind_study_and_bytes_open_a_message() {
        let key = Key::from_text("secret\n");
        let message = key.seal(Kind::Job, STUDY, 3, b"payload");
        let open = |key: &Key, kind, study, bytes: &[u8]| {
            key.open(kind, study, bytes).map(|(epoch, payload)| (epoch, payload.to_vec()))
        };
        let expected = Ok((3, b"payload".to_vec()));
        assert_eq!(open(&key, Kind::Job, STUDY, &message), expected);
        assert_eq!(open(&Key::from_text("secret"), Kind::Job, STUDY, &message), expected);
        let forged = Err(SealError::Forged);
        assert_eq!(open(&Key::from_text("other"), Kind::Job, STUDY, &message), forged);
        assert_eq!(open(&key, Kind::Result, STUDY, &message), forged);
        assert_eq!(open(&key, Kind::Job, StudyId([8; 32]), &message), forged);
        for at in 0..message.len() {
            let mut damaged = message.clone();
            damaged[at] ^= 1;
            assert_eq!(open(&key, Kind::Job, STUDY, &damaged), forged, "byte {at}");
            assert!(open(&key, Kind::Job, STUDY, &message[..at]).is_err(), "{at} bytes");
        }
        assert_eq!(format!("{key:?}"), "Key(secret)");
        let fingerprint = key.fingerprint();
        assert_eq!(fingerprint.len(), 8);
        assert_eq!(fingerprint, Key::from_text("secret").fingerprint());
        assert_ne!(fingerprint, Key::from_text("other").fingerprint());
    }
}
