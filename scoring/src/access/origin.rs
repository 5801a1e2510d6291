//! Whether a session's change comes from our own pages: beside the CSRF token, what browsers say about who sent it.

use super::denied::Denied;
use std::net::IpAddr;

/// Whether a request may change anything.
pub fn is_change(method: &str) -> bool {
    !["get", "head", "options"].iter().any(|safe| method.eq_ignore_ascii_case(safe))
}

/// The origin that our pages have: `public_url` where it is set, else as the browser called us.
pub fn own_origin(public_url: &str, is_https: bool, host: Option<&str>) -> Option<String> {
    if !public_url.is_empty() {
        let url = url::Url::parse(public_url).ok()?;
        return Some(url.origin().ascii_serialization());
    }
    let scheme = if is_https { "https" } else { "http" };
    let url = url::Url::parse(&format!("{scheme}://{}/", host?)).ok()?;
    Some(url.origin().ascii_serialization())
}

/// Whether a change that a session's cookie came with was sent by a page of ours. Every browser of these years sends `Origin` with a
/// change and most send `Sec-Fetch-Site`; what sends neither is none, and may use a token.
///
/// # Errors
/// Where another site's page sent it, or nobody knows whose.
pub fn check_origin(own: Option<&str>, origin: Option<&str>, fetch_site: Option<&str>) -> Result<(), Denied> {
    if origin.is_none() && fetch_site.is_none() {
        return Err(Denied::CrossSite);
    }
    let is_own_origin = origin.is_none_or(|origin| own == Some(origin));
    let is_same_site = fetch_site.is_none_or(|site| site == "same-origin");
    if is_own_origin && is_same_site { Ok(()) } else { Err(Denied::CrossSite) }
}

/// Whether the service is called by a name of its own. A page elsewhere can point its own name at 127.0.0.1 and would then read what
/// nobody must sign in for; the `Host` header gives it away. Asked only of a service bound to loopback, which nobody else guards.
///
/// # Errors
/// Where it is another's name.
pub fn check_host(public_url: &str, host: Option<&str>) -> Result<(), Denied> {
    let called = host.and_then(|host| url::Url::parse(&format!("http://{host}/")).ok());
    let called = called.ok_or(Denied::ForeignHost)?;
    let is_loopback = match called.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        None => false,
    };
    let own = url::Url::parse(public_url).ok();
    let is_own = own.is_some_and(|own| own.host_str() == called.host_str());
    if is_loopback || is_own { Ok(()) } else { Err(Denied::ForeignHost) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sent_a_change() {
        let own = own_origin("", false, Some("127.0.0.1:8080"));
        assert_eq!(own.as_deref(), Some("http://127.0.0.1:8080"));
        let page = Some("http://127.0.0.1:8080");
        for (origin, site, ok) in [
            (page, Some("same-origin"), true),
            (page, None, true),
            (None, Some("same-origin"), true),
            (None, None, false),
            (page, Some("cross-site"), false),
            (page, Some("same-site"), false),
            (page, Some("none"), false),
            (Some("null"), Some("same-origin"), false),
            (Some("http://127.0.0.1:8081"), Some("same-origin"), false),
            (Some("https://127.0.0.1:8080"), None, false),
            (Some("http://127.0.0.1:8080.evil.example"), None, false),
        ] {
            assert_eq!(check_origin(own.as_deref(), origin, site).is_ok(), ok, "{origin:?} {site:?}");
        }
        assert_eq!(check_origin(None, page, None), Err(Denied::CrossSite), "without a name of our own none is ours");
        assert!(
            is_change("POST") && is_change("delete") && is_change("brew") && !is_change("GET") && !is_change("head")
        );
    }

    #[test]
    fn own_origins() {
        for (public_url, is_https, host, expected) in [
            ("https://fraud.bank.example/", false, Some("10.0.0.1"), Some("https://fraud.bank.example")),
            ("https://fraud.bank.example:443", true, None, Some("https://fraud.bank.example")),
            ("", true, Some("FRAUD.example"), Some("https://fraud.example")),
            ("", false, Some("[::1]:8080"), Some("http://[::1]:8080")),
            ("", false, None, None),
            ("", false, Some("a b"), None),
        ] {
            assert_eq!(own_origin(public_url, is_https, host).as_deref(), expected, "{public_url} {host:?}");
        }
    }

    #[test]
    fn hosts() {
        for good in ["localhost:8080", "127.0.0.1", "127.9.0.1:1", "[::1]:8080", "[::ffff:127.0.0.1]", "a.localhost"] {
            assert_eq!(check_host("", Some(good)), Ok(()), "{good}");
        }
        let evil =
            [None, Some(""), Some("evil.example"), Some("127.0.0.1.evil.example:8080"), Some("x@y"), Some("10.1.1.1")];
        for bad in evil {
            assert_eq!(check_host("", bad), Err(Denied::ForeignHost), "{bad:?}");
        }
        assert_eq!(check_host("https://fraud.bank.example", Some("fraud.bank.example")), Ok(()));
        assert_eq!(check_host("https://fraud.bank.example", Some("bank.example")), Err(Denied::ForeignHost));
    }
}
