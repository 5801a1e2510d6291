//! A provider of our own: keys made here, tokens signed here.

mod refusals;
mod rsa_key;
mod there_and_back;

use super::*;
use crate::access::{Identity, OidcSettings, Secret};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

const ISSUER: &str = "https://login.example";
const CLIENT: &str = "fraudnet-console";
const START_MS: i64 = 1_790_000_000_000;

/// How a token is signed.
enum Signer {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// One of each kind.
    fn all() -> [Signer; 3] {
        let random = SystemRandom::new();
        let rsa = BASE64.decode(rsa_key::RSA_KEY.as_bytes()).unwrap();
        let p256 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ed25519 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        [
            Signer::Rsa(RsaKeyPair::from_der(&rsa).unwrap()),
            Signer::P256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, p256.as_ref(), &random).unwrap()),
            Signer::Ed25519(Ed25519KeyPair::from_pkcs8(ed25519.as_ref()).unwrap()),
        ]
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Signer::Rsa(_) => "RS256",
            Signer::P256(_) => "ES256",
            Signer::Ed25519(_) => "EdDSA",
        }
    }

    /// Its public half, as a provider publishes it.
    fn jwk(&self, kid: &str) -> Value {
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        match self {
            Signer::Rsa(pair) => {
                let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": text(&public.n), "e": text(&public.e)})
            }
            Signer::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "kid": kid, "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])})
            }
            Signer::Ed25519(pair) => {
                json!({"kty": "OKP", "kid": kid, "crv": "Ed25519", "x": text(pair.public_key().as_ref())})
            }
        }
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Signer::P256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Signer::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    fn token(&self, header: &Value, claims: &Value) -> Secret {
        let text = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", text(header), text(claims));
        let signature = BASE64URL_NOPAD.encode(&self.signature(signed.as_bytes()));
        Secret::new(format!("{signed}.{signature}"))
    }
}

fn settings() -> OidcSettings {
    OidcSettings { issuer: ISSUER.to_owned(), client_id: CLIENT.to_owned(), ..OidcSettings::default() }
}

fn key_set(keys: &[Value]) -> Keys {
    Keys::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn nonce() -> Secret {
    Secret::new("n-0S6_WzA2Mj")
}

fn expected(nonce: &Secret) -> Expected<'_> {
    Expected { issuer: ISSUER, client_id: CLIENT, nonce, started_at_ms: START_MS, leeway_s: 60, groups_claim: "groups" }
}

/// Claims that are taken.
fn claims() -> Value {
    let start_s = START_MS / 1_000;
    json!({
        "iss": ISSUER, "sub": "248289761001", "aud": CLIENT, "exp": start_s + 300, "iat": start_s + 5,
        "nonce": "n-0S6_WzA2Mj", "email": "Ann@Bank.example", "email_verified": true, "groups": ["fraud", "leads"],
        "name": "Ann", "at_hash": "x",
    })
}

fn ann() -> Identity {
    Identity {
        issuer: ISSUER.to_owned(),
        subject: "248289761001".to_owned(),
        email: Some("ann@bank.example".to_owned()),
        groups: vec!["fraud".to_owned(), "leads".to_owned()],
    }
}

fn document() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://login.example/authorize?tenant=7",
        "token_endpoint": "https://login.example/token",
        "jwks_uri": "https://login.example/keys",
        "response_types_supported": ["code", "id_token"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "scopes_supported": ["openid"],
    })
}

fn provider() -> Provider {
    Provider::read(document().to_string().as_bytes(), &settings()).unwrap()
}
