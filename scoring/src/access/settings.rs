//! Settings of access: the sections `[access]` and `[oidc]`.

use super::limiter::{Rate, Rates};
use super::network;
use super::role::Role;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// `[access]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessSettings {
    /// Roles of whoever says nothing about who they are; empty: they may nothing.
    pub anonymous: Vec<Role>,
    /// Address that browsers reach the service by, such as `https://fraud.bank.example`; empty: as they called it.
    pub public_url: String,
    /// Networks of the proxies before it, which speak TLS for it and whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<String>,
    /// How long a session lasts in which nothing is asked, minutes.
    pub session_idle_minutes: u32,
    /// How long a session lasts at all, hours.
    pub session_hours: u32,
    /// Most sessions.
    pub sessions: usize,
    /// Most sessions of one person; beyond, the one that was idle longest ends.
    pub sessions_a_person: usize,
    /// How long the one-time link of the first start waits for being used, minutes.
    pub link_minutes: u32,
    /// Payments and labels a second that a token may send; 0 for as many as come.
    pub score_per_second: u32,
    /// The same at once after a rest.
    pub score_burst: u32,
    /// Reading requests a second.
    pub read_per_second: u32,
    /// The same at once.
    pub read_burst: u32,
    /// Changes a second.
    pub change_per_second: u32,
    /// The same at once.
    pub change_burst: u32,
    /// Attempts to sign in a second, of one address.
    pub sign_in_per_second: u32,
    /// The same at once.
    pub sign_in_burst: u32,
    /// Most callers that are counted at a time.
    pub counted_callers: usize,
}

/// `[oidc]`: where people sign in; off while `issuer` is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OidcSettings {
    /// Address of the provider, exactly as its discovery document and its ID tokens name it.
    pub issuer: String,
    /// Our id there.
    pub client_id: String,
    /// File with our secret there; empty: we have none, and the code's proof key must do.
    pub client_secret_file: String,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Claim that lists somebody's groups; empty: none does.
    pub groups_claim: String,
    /// How far the provider's clock may be from ours, seconds.
    pub leeway_s: u32,
}

impl Default for AccessSettings {
    fn default() -> Self {
        AccessSettings {
            anonymous: Vec::new(),
            public_url: String::new(),
            trusted_proxies: Vec::new(),
            session_idle_minutes: 30,
            session_hours: 10,
            sessions: 10_000,
            sessions_a_person: 20,
            link_minutes: 60,
            score_per_second: 10_000,
            score_burst: 20_000,
            read_per_second: 200,
            read_burst: 400,
            change_per_second: 20,
            change_burst: 40,
            sign_in_per_second: 1,
            sign_in_burst: 20,
            counted_callers: 65_536,
        }
    }
}

impl Default for OidcSettings {
    fn default() -> Self {
        OidcSettings {
            issuer: String::new(),
            client_id: String::new(),
            client_secret_file: String::new(),
            scopes: ["openid", "email", "profile"].map(str::to_owned).to_vec(),
            groups_claim: "groups".to_owned(),
            leeway_s: 60,
        }
    }
}

impl AccessSettings {
    /// Every key at fault, with its section, and why.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        const RATE: RangeInclusive<u64> = 0..=1_000_000;
        const BURST: RangeInclusive<u64> = 1..=1_000_000;
        let within = [
            ("access.session_idle_minutes", u64::from(self.session_idle_minutes), 1..=24 * 60),
            ("access.session_hours", u64::from(self.session_hours), 1..=24 * 7),
            ("access.sessions", self.sessions as u64, 1..=1_000_000),
            ("access.sessions_a_person", self.sessions_a_person as u64, 1..=1_000),
            ("access.link_minutes", u64::from(self.link_minutes), 1..=60 * 24 * 7),
            ("access.score_per_second", u64::from(self.score_per_second), RATE),
            ("access.score_burst", u64::from(self.score_burst), BURST),
            ("access.read_per_second", u64::from(self.read_per_second), RATE),
            ("access.read_burst", u64::from(self.read_burst), BURST),
            ("access.change_per_second", u64::from(self.change_per_second), RATE),
            ("access.change_burst", u64::from(self.change_burst), BURST),
            ("access.sign_in_per_second", u64::from(self.sign_in_per_second), RATE),
            ("access.sign_in_burst", u64::from(self.sign_in_burst), BURST),
            ("access.counted_callers", self.counted_callers as u64, 100..=10_000_000),
        ];
        let outside = |(key, value, range): &(&'static str, u64, RangeInclusive<u64>)| {
            let reason = || format!("is {value}, but must be from {} to {}", range.start(), range.end());
            (!range.contains(value)).then(|| (*key, reason()))
        };
        let mut faults: Vec<_> = within.iter().filter_map(outside).collect();
        if !self.public_url.is_empty() && !is_address(&self.public_url) {
            let reason = "must be https:// and a name without a path, such as \"https://fraud.bank.example\"; http:// on loopback alone";
            faults.push(("access.public_url", reason.to_owned()));
        }
        if let Err(reason) = network::networks(&self.trusted_proxies) {
            faults.push(("access.trusted_proxies", reason));
        }
        if self.anonymous.contains(&Role::Admin) {
            let reason = "must not hold \"admin\": anybody could give themselves everything; use the one-time link";
            faults.push(("access.anonymous", reason.to_owned()));
        }
        faults
    }

    /// The networks of the proxies; those that [`AccessSettings::faults`] names are left out.
    pub fn trusted_networks(&self) -> Vec<IpNet> {
        network::networks(&self.trusted_proxies).unwrap_or_default()
    }

    /// How long a one-time link waits, milliseconds.
    pub fn link_ms(&self) -> i64 {
        i64::from(self.link_minutes) * 60_000
    }

    /// The rate of each class.
    pub fn rates(&self) -> Rates {
        let rate = |per_second, burst| Rate { per_second, burst };
        Rates {
            score: rate(self.score_per_second, self.score_burst),
            read: rate(self.read_per_second, self.read_burst),
            change: rate(self.change_per_second, self.change_burst),
            sign_in: rate(self.sign_in_per_second, self.sign_in_burst),
        }
    }
}

impl OidcSettings {
    /// Whether people sign in with a provider.
    pub fn is_on(&self) -> bool {
        !self.issuer.is_empty()
    }

    /// Every key at fault, with its section, and why.
    pub fn faults(&self, access: &AccessSettings) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if !self.is_on() {
            return faults;
        }
        let mut add = |key, reason: &str| faults.push((key, reason.to_owned()));
        if !is_https_or_loopback(&self.issuer) {
            add("oidc.issuer", "must be the provider's https:// address; http:// on loopback alone");
        }
        if self.client_id.is_empty() || self.client_id.len() > 256 {
            add("oidc.client_id", "must be the id that the provider gave this service");
        }
        if access.public_url.is_empty() {
            add("access.public_url", "must be set for oidc.issuer: the provider leads people back to it");
        }
        if !self.scopes.iter().any(|scope| scope == "openid")
            || self.scopes.iter().any(|scope| scope.is_empty() || !scope.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            add("oidc.scopes", "must hold \"openid\", and no scope with spaces");
        }
        if self.leeway_s > 300 {
            add("oidc.leeway_s", &format!("is {}, but must be from 0 to 300", self.leeway_s));
        }
        faults
    }
}

/// An address without path, query or login in it.
fn is_address(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else { return false };
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    is_bare && url.username().is_empty() && url.password().is_none() && is_https_or_loopback(text)
}

/// Whether what goes there cannot be read on its way.
pub(super) fn is_https_or_loopback(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else { return false };
    let is_loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    url.scheme() == "https" || url.scheme() == "http" && is_loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_and_faults_are_told_all_at_once() {
        let fine = AccessSettings::default();
        assert_eq!((fine.faults(), OidcSettings::default().faults(&fine)), (vec![], vec![]));
        let odd = AccessSettings {
            anonymous: vec![Role::Admin],
            public_url: "https://a.example/path".to_owned(),
            trusted_proxies: vec!["10.0.0.0/8".to_owned(), "proxy".to_owned()],
            session_hours: 0,
            read_burst: 0,
            ..AccessSettings::default()
        };
        let keys: Vec<&str> = odd.faults().iter().map(|(key, _)| *key).collect();
        let expected = [
            "access.session_hours",
            "access.read_burst",
            "access.public_url",
            "access.trusted_proxies",
            "access.anonymous",
        ];
        assert_eq!(keys, expected);
        let oidc = OidcSettings { issuer: "http://login.example".to_owned(), leeway_s: 301, ..OidcSettings::default() };
        let keys: Vec<&str> = oidc.faults(&fine).iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, ["oidc.issuer", "oidc.client_id", "access.public_url", "oidc.leeway_s"]);
    }

    #[test]
    fn addresses() {
        for good in [
            "https://a.example",
            "https://a.example:8443/",
            "http://127.0.0.1:8080",
            "http://localhost",
            "http://[::1]:1",
        ] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "http://a.example",
            "https://u:p@a.example",
            "https://a.example/?q",
            "ftp://a",
            "https:///",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn unknown_keys_are_refused_and_what_is_not_said_is_the_default() {
        let read = |json| serde_json::from_str::<AccessSettings>(json);
        assert_eq!(read("{}").unwrap(), AccessSettings::default());
        assert_eq!(read(r#"{"anonymous":["data-scientist"]}"#).unwrap().anonymous, [Role::DataScientist]);
        assert!(read(r#"{"anonymus":[]}"#).is_err() && read(r#"{"anonymous":["root"]}"#).is_err());
    }
}
