//! The cookies, as text.
//!
//! Behind TLS a cookie's name begins with `__Host-`, which makes browsers refuse one that another host or a plain page has set. Plain HTTP
//! on loopback can have neither that nor `Secure`.

/// The cookies of a service that is reached through TLS, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookies {
    /// Whether the browser speaks TLS, to the service or to the proxy before it.
    pub is_secure: bool,
}

/// What a cookie is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieUse {
    /// The session. Never sent along when another site links or posts here.
    Session,
    /// A sign-in that is under way at a provider, whose page leads back here: sent along then, and then only.
    SignIn,
}

impl Cookies {
    /// Its name.
    pub const fn name(self, of: CookieUse) -> &'static str {
        match (of, self.is_secure) {
            (CookieUse::Session, true) => "__Host-fraudnet",
            (CookieUse::Session, false) => "fraudnet",
            (CookieUse::SignIn, true) => "__Host-fraudnet-signin",
            (CookieUse::SignIn, false) => "fraudnet-signin",
        }
    }

    /// Value of a `Set-Cookie` header that keeps it for so long.
    pub fn set(self, of: CookieUse, value: &str, max_age_s: u64) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let same_site = match of {
            CookieUse::Session => "Strict",
            CookieUse::SignIn => "Lax",
        };
        let name = self.name(of);
        format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={max_age_s}{secure}")
    }

    /// Value of a `Set-Cookie` header that takes it away.
    pub fn clear(self, of: CookieUse) -> String {
        self.set(of, "", 0)
    }

    /// Its value in the request's `Cookie` headers. Of two of the same name, one was put there by somebody else: then neither counts.
    pub fn find<'a>(self, of: CookieUse, headers: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let pairs = headers.into_iter().flat_map(|header| header.split(';'));
        let mut found = pairs.filter_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.name(of)).then_some(value)
        });
        let value = found.next().filter(|value| !value.is_empty());
        if found.next().is_some() { None } else { value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let (tls, plain) = (Cookies { is_secure: true }, Cookies { is_secure: false });
        assert_eq!(
            tls.set(CookieUse::Session, "abc", 36_000),
            "__Host-fraudnet=abc; Path=/; HttpOnly; SameSite=Strict; Max-Age=36000; Secure"
        );
        assert_eq!(
            plain.set(CookieUse::SignIn, "abc", 600),
            "fraudnet-signin=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=600"
        );
        assert_eq!(plain.clear(CookieUse::Session), "fraudnet=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
        let find = |headers: &[&'static str]| tls.find(CookieUse::Session, headers.iter().copied());
        for (headers, expected) in [
            (&["a=b; __Host-fraudnet=abc"] as &[_], Some("abc")),
            (&["a=b", "__Host-fraudnet=abc=;x"], Some("abc=")),
            (&["fraudnet=abc"], None),
            (&["__Host-fraudnet=a; __Host-fraudnet=b"], None),
            (&["__Host-fraudnet=a", "__Host-fraudnet=a"], None),
            (&["__Host-fraudnet="], None),
            (&["__host-fraudnet=a", "", ";;="], None),
        ] {
            assert_eq!(find(headers), expected, "{headers:?}");
        }
    }
}
