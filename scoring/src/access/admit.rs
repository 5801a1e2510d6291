//! Every check that a request passes before its handler sees it, in the one order that they are made in.

use super::caller::{Caller, Via, authorise};
use super::cookie::Cookies;
use super::denied::Denied;
use super::gate::{Gate, Presented};
use super::limiter::{Class, Limiter, Throttled};
use super::network::{self, Client};
use super::origin;
use super::routes::{Requirement, requirement_of};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// What the service knows of itself.
#[derive(Debug, Clone, Copy)]
pub struct Door<'a> {
    /// Who asks.
    pub gate: Gate<'a>,
    /// How much each may ask.
    pub limiter: &'a Mutex<Limiter>,
    /// Networks of the proxies before it.
    pub trusted_proxies: &'a [IpNet],
    /// Whether it listens on loopback.
    pub is_loopback: bool,
    /// Tenant of requests that name none, by callers who are bound to none.
    pub default_tenant: &'a str,
}

/// What a request says, as text; a header that is no text is as one that is not there, but for `authorization`.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Method.
    pub method: &'a str,
    /// Path as it came, without the query.
    pub path: &'a str,
    /// Whose address the connection comes from.
    pub peer: IpAddr,
    /// Values of `Authorization`; none within where one is no text.
    pub authorization: &'a [Option<&'a str>],
    /// Values of `Cookie`.
    pub cookies: &'a [&'a str],
    /// `X-CSRF-Token`.
    pub csrf: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a str>,
    /// `Host`.
    pub host: Option<&'a str>,
    /// Every tenant that the request names: `tenant` of the query first, then `X-Tenant`. All of them must be the caller's.
    pub tenants: &'a [&'a str],
    /// Values of `X-Forwarded-For`.
    pub forwarded_for: &'a [&'a str],
    /// Values of `X-Forwarded-Proto`.
    pub forwarded_proto: &'a [&'a str],
}

/// A request that its handler may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// Who asks, and the tenant to answer for; none on an open route, where nobody was asked.
    pub caller: Option<(Caller, String)>,
    /// Where the request comes from.
    pub client: Client,
    /// How cookies are named here.
    pub cookies: Cookies,
}

/// Why a handler does not see a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnedAway {
    /// No route is for it: 404, or 405 where [`methods_of`](super::methods_of) its path are others.
    NoRoute,
    /// They may not.
    Denied(Denied),
    /// Not so many: 429.
    Throttled(Throttled),
}

impl From<Denied> for TurnedAway {
    fn from(denied: Denied) -> TurnedAway {
        TurnedAway::Denied(denied)
    }
}

impl Door<'_> {
    /// Whether a handler may see a request.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, asked: &Asked<'_>, now_ms: i64) -> Result<Admitted, TurnedAway> {
        let requirement = requirement_of(asked.method, asked.path).ok_or(TurnedAway::NoRoute)?;
        let (for_, proto) = (asked.forwarded_for, asked.forwarded_proto);
        let client = network::client(asked.peer, for_, proto, self.trusted_proxies);
        let public_url = self.gate.settings.public_url.as_str();
        let is_secure = client.is_https || public_url.starts_with("https://");
        let admitted = |caller| Admitted { caller, client, cookies: Cookies { is_secure } };
        let is_sign_in = requirement == Requirement::Open && asked.path.starts_with("/v1/session");
        if requirement == Requirement::Open && !is_sign_in {
            return Ok(admitted(None));
        }
        network::check_peer(asked.peer, self.trusted_proxies)?;
        if self.is_loopback && self.trusted_proxies.is_empty() {
            origin::check_host(public_url, asked.host)?;
        }
        let own_page = || {
            let own = origin::own_origin(public_url, is_secure, asked.host);
            origin::check_origin(own.as_deref(), asked.origin, asked.fetch_site)
        };
        let is_change = origin::is_change(asked.method);
        let is_by_page = asked.origin.is_some() || asked.fetch_site.is_some();
        if is_sign_in {
            self.take(&address_key(client.address), Class::SignIn, now_ms)?;
            // Nobody is signed in, or out, by another site's page.
            if is_change && is_by_page {
                own_page()?;
            }
            return Ok(admitted(None));
        }
        let presented = Presented::of(asked.authorization, asked.cookies.iter().copied(), Cookies { is_secure });
        let caller = match self.gate.authenticate(&presented, now_ms) {
            Ok(caller) => caller,
            Err(denied) => {
                // Trying out credentials is counted by where it comes from.
                if presented != Presented::Nothing {
                    self.take(&address_key(client.address), Class::SignIn, now_ms)?;
                }
                return Err(denied.into());
            }
        };
        match presented {
            Presented::Cookie(cookie) if is_change => {
                own_page()?;
                self.gate.sessions.lock().unwrap_or_else(PoisonError::into_inner).check_csrf(cookie, asked.csrf)?;
            }
            // Any page can have a browser on this machine send what needs no credential.
            Presented::Nothing if is_change && is_by_page => own_page()?,
            // A token in a header is put there by nobody who does not know it.
            _ => {}
        }
        let tenant = authorise(&caller, requirement, asked.tenants.first().copied(), self.default_tenant)?;
        for other in asked.tenants.iter().skip(1) {
            authorise(&caller, requirement, Some(other), self.default_tenant)?;
        }
        let class = match requirement {
            Requirement::May(permission) => permission.class(),
            Requirement::SignedIn | Requirement::Open => Class::Read,
        };
        let key = if caller.via == Via::Anonymous { address_key(client.address) } else { caller.rate_key() };
        self.take(&key, class, now_ms)?;
        Ok(admitted(Some((caller, tenant))))
    }

    fn take(&self, key: &str, class: Class, now_ms: i64) -> Result<(), TurnedAway> {
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        limiter.take(key, class, now_ms).map_err(TurnedAway::Throttled)
    }
}

/// By which an address is counted: of IPv6 the network, since one machine has more addresses there than anybody could count.
fn address_key(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("address:{address}"),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("address:{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}
