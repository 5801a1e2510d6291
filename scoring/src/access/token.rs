//! The text of a token, and of the link of the first start.
//!
//! ```text
//! fn_<token id: 16>_<secret: 52><checksum: 6>        letters a–v and digits
//! ```
//!
//! The prefix lets secret scanners find what leaked. The checksum tells a slip of the hand from a token that nobody knows, and finds nothing
//! out: it is reckoned from the text alone. Of the secret only a digest is kept, bound to the token's id.

use super::secret::{Digest, SECRET_BYTES, Secret};
use data_encoding::BASE32_DNSSEC;
use std::fmt;

/// Random bytes of a token's id.
pub const ID_BYTES: usize = 10;
const ID_CHARS: usize = 16;
const SECRET_CHARS: usize = 52;
const CHECK_CHARS: usize = 6;

/// What a token is for. Each has its own prefix and digests, so that one is never taken for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Sent with each request.
    Api,
    /// Used once, to sign in.
    Link,
}

impl TokenKind {
    const fn prefix(self) -> &'static str {
        match self {
            TokenKind::Api => "fn_",
            TokenKind::Link => "fnonce_",
        }
    }

    const fn context(self) -> &'static str {
        match self {
            TokenKind::Api => "fraudnet 2026-11 access token",
            TokenKind::Link => "fraudnet 2026-11 one-time link",
        }
    }
}

/// A token that was just made. The only time its text is seen.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Its id, which is no secret.
    pub id: String,
    /// Its text, for whom it is made.
    pub text: Secret,
    /// What is kept of it.
    pub digest: Digest,
}

/// A token as it was sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its id.
    pub id: String,
    digest: Digest,
}

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoToken {
    /// It looks like something else.
    Other,
    /// It looks like one, but a character is missing or wrong.
    Mistyped,
}

/// Makes a token of random bytes, which must come from the system's generator.
pub fn issue(kind: TokenKind, id: &[u8; ID_BYTES], secret: &[u8; SECRET_BYTES]) -> Issued {
    let id = BASE32_DNSSEC.encode(id);
    let body = format!("{}{id}_{}", kind.prefix(), Secret::of_random(secret).reveal());
    let text = Secret::new(format!("{body}{}", checksum(&body)));
    Issued { digest: Digest::of(kind.context(), &id, secret), id, text }
}

/// Reads the text of a token.
///
/// # Errors
/// Where it is none; what was sent is not repeated.
pub fn read(kind: TokenKind, text: &str) -> Result<Sent, NoToken> {
    let rest = text.strip_prefix(kind.prefix()).ok_or(NoToken::Other)?;
    if !text.is_ascii() || rest.len() != ID_CHARS + 1 + SECRET_CHARS + CHECK_CHARS {
        return Err(NoToken::Mistyped);
    }
    let (body, check) = text.split_at(text.len() - CHECK_CHARS);
    if checksum(body) != check {
        return Err(NoToken::Mistyped);
    }
    let (id, secret) = rest[..rest.len() - CHECK_CHARS].split_once('_').ok_or(NoToken::Mistyped)?;
    let secret = BASE32_DNSSEC.decode(secret.as_bytes()).ok().filter(|secret| secret.len() == SECRET_BYTES);
    let secret = zeroize::Zeroizing::new(secret.ok_or(NoToken::Mistyped)?);
    Ok(Sent { digest: Digest::of(kind.context(), id, &secret), id: id.to_owned() })
}

impl Sent {
    /// Whether it is the token of that digest; takes equally long wherever they differ.
    pub fn is(&self, digest: &Digest) -> bool {
        self.digest == *digest
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sent({})", self.id)
    }
}

fn checksum(body: &str) -> String {
    let mut text = Digest::of("fraudnet 2026-11 token checksum", "", body.as_bytes()).text();
    text.truncate(CHECK_CHARS);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_issued_is_read_again_and_nothing_else_is() {
        for kind in [TokenKind::Api, TokenKind::Link] {
            let issued = issue(kind, &[1; ID_BYTES], &[0xa7; SECRET_BYTES]);
            let text = issued.text.reveal();
            let sent = read(kind, text).unwrap();
            assert!(sent.id == issued.id && sent.is(&issued.digest));
            let secret = &text[text.len() - SECRET_CHARS - CHECK_CHARS..];
            assert!(!format!("{issued:?}{sent:?}").contains(&secret[..16]));
            // Every slip of one character is seen.
            for index in kind.prefix().len()..text.len() {
                let mut slipped = text.to_owned();
                let other = if &text[index..=index] == "a" { "b" } else { "a" };
                slipped.replace_range(index..=index, other);
                assert_eq!(read(kind, &slipped), Err(NoToken::Mistyped), "{index}");
                slipped.remove(index);
                assert_eq!(read(kind, &slipped), Err(NoToken::Mistyped), "{index}");
            }
            assert_eq!(read(kind, &text.to_uppercase()), Err(NoToken::Other));
            assert_eq!(read(kind, &format!("{text} ")), Err(NoToken::Mistyped));
        }
        for other in ["", "fn", "hunter2", "Bearer fn_x"] {
            assert_eq!(read(TokenKind::Api, other), Err(NoToken::Other));
        }
        for mistyped in ["fn_", "fn_é", &format!("fn_{}", "é".repeat(37)), &format!("fn_{}", "a".repeat(75))] {
            assert_eq!(read(TokenKind::Api, mistyped), Err(NoToken::Mistyped), "{mistyped}");
        }
    }

    #[test]
    fn a_digest_belongs_to_one_id_and_one_kind() {
        let secret = [3; SECRET_BYTES];
        let first = issue(TokenKind::Api, &[1; ID_BYTES], &secret);
        let second = issue(TokenKind::Api, &[2; ID_BYTES], &secret);
        let link = issue(TokenKind::Link, &[1; ID_BYTES], &secret);
        assert!(first.digest != second.digest && first.digest != link.digest);
        assert_eq!(read(TokenKind::Api, link.text.reveal()), Err(NoToken::Other));
        assert_eq!(first.text.reveal().len(), 3 + 16 + 1 + 52 + 6);
    }
}
