//! The token of an organisation: asked for once, renewed before it ends, shown nowhere.

use super::call::Failure;
use crate::answer::{Token, Unexpected, token_answer};
use crate::organisation::Organisation;
use base::env::SharedEnv;
use base::monitor::Monitor;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use std::fmt;
use std::time::Instant;
use zeroize::Zeroizing;

/// What the application proves itself with.
pub enum Proof {
    /// A client secret.
    Secret(Zeroizing<String>),
    /// A certificate and its key.
    Certificate(Certificate),
}

/// A certificate whose key signs.
pub struct Certificate {
    /// SHA-256 of the certificate, as a token names it.
    thumbprint: String,
    key: aws_lc_rs::signature::RsaKeyPair,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Proof::Secret(_) => "Secret(..)",
            Proof::Certificate(_) => "Certificate(..)",
        })
    }
}

impl Proof {
    /// A certificate and its key, both PEM.
    ///
    /// # Errors
    /// What is wrong with either, in words.
    pub fn certificate(certificate: &[u8], key: &[u8]) -> Result<Self, String> {
        use aws_lc_rs::digest::{SHA256, digest};
        let der = pem(certificate, "CERTIFICATE").ok_or("the certificate file holds no CERTIFICATE in PEM")?;
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &der));
        let key = match (pem(key, "PRIVATE KEY"), pem(key, "RSA PRIVATE KEY")) {
            (Some(pkcs8), _) => aws_lc_rs::signature::RsaKeyPair::from_pkcs8(&pkcs8),
            (None, Some(pkcs1)) => aws_lc_rs::signature::RsaKeyPair::from_der(&pkcs1),
            (None, None) => return Err("the key file holds no unencrypted PRIVATE KEY in PEM".to_owned()),
        };
        let key = key.map_err(|e| format!("the key is not an RSA key that can sign: {e}"))?;
        Ok(Proof::Certificate(Certificate { thumbprint, key }))
    }
}

impl Certificate {
    /// What says who the application is: signed by PS256, good for ten minutes.
    ///
    /// # Errors
    /// That the key does not sign, in words.
    pub fn assertion(&self, audience: &str, client_id: &str, seconds: i64, id: &str) -> Result<String, String> {
        let header = serde_json::json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint});
        let claims = serde_json::json!({
            "aud": audience, "iss": client_id, "sub": client_id, "jti": id,
            "nbf": seconds - CLOCK_SECONDS, "iat": seconds, "exp": seconds + ASSERTION_SECONDS,
        });
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let dice = aws_lc_rs::rand::SystemRandom::new();
        self.key
            .sign(&aws_lc_rs::signature::RSA_PSS_SHA256, &dice, signed.as_bytes(), &mut signature)
            .map_err(|_| "the key does not sign: it may be too short".to_owned())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The first block of this kind in a PEM file.
fn pem(text: &[u8], kind: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(text).ok()?;
    let (begin, end) = (format!("-----BEGIN {kind}-----"), format!("-----END {kind}-----"));
    let (_, rest) = text.split_once(&begin)?;
    let (block, _) = rest.split_once(&end)?;
    let digits: Zeroizing<String> = Zeroizing::new(block.split_ascii_whitespace().collect());
    base64::engine::general_purpose::STANDARD.decode(digits.as_bytes()).ok().map(Zeroizing::new)
}

/// An assertion is used at once.
const ASSERTION_SECONDS: i64 = 600;
/// What our clock may be ahead.
const CLOCK_SECONDS: i64 = 60;

/// The token of an organisation.
pub struct Tokens {
    address: String,
    scope: String,
    client_id: String,
    proof: Proof,
    env: SharedEnv,
    held: Mutex<Option<(Token, Instant)>>,
}

impl Tokens {
    pub(super) fn new(organisation: &Organisation, proof: Proof, env: SharedEnv) -> Self {
        Tokens {
            address: organisation.login.join(&format!("/{}/oauth2/v2.0/token", organisation.tenant)),
            scope: organisation.graph.join("/.default"),
            client_id: organisation.client_id.clone(),
            proof,
            env,
            held: Mutex::new(None),
        }
    }

    /// The token, asked for if there is none, or if four fifths of its life are over.
    ///
    /// # Errors
    /// That there is none, and why.
    pub(super) fn get(
        &self,
        http: &reqwest::Client,
        runtime: &tokio::runtime::Handle,
        monitor: &Monitor,
    ) -> Result<Token, Failure> {
        // Whoever comes second waits, and finds it.
        let mut held = self.held.lock();
        if let Some((token, renew)) = &*held
            && Instant::now() < *renew
        {
            return Ok(token.clone());
        }
        monitor.check()?;
        let asked = Instant::now();
        let token = runtime.block_on(self.ask(http))?;
        *held = Some((token.clone(), asked + token.lasts * 4 / 5));
        Ok(token)
    }

    /// The service does not take it.
    pub(super) fn forget(&self) {
        *self.held.lock() = None;
    }

    async fn ask(&self, http: &reqwest::Client) -> Result<Token, Failure> {
        let mut form = vec![
            ("client_id", self.client_id.clone()),
            ("grant_type", "client_credentials".to_owned()),
            ("scope", self.scope.clone()),
        ];
        match &self.proof {
            Proof::Secret(secret) => form.push(("client_secret", secret.to_string())),
            Proof::Certificate(certificate) => {
                // Each assertion has an id of its own.
                let mut id = [0; 16];
                self.env.random(&mut id)?;
                let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
                let seconds = self.env.now().seconds;
                let assertion = certificate.assertion(&self.address, &self.client_id, seconds, &id);
                let assertion = assertion.map_err(|what| Failure::Unexpected(Unexpected::new(what)))?;
                form.push(("client_assertion_type", JWT_BEARER.to_owned()));
                form.push(("client_assertion", assertion));
            }
        }
        let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = http.post(&self.address).header("content-type", "application/x-www-form-urlencoded").body(body);
        let response = request.send().await.map_err(|e| Failure::unreachable(&e))?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(|e| Failure::unreachable(&e))?;
        match token_answer(status, &body) {
            Ok(answer) => answer.map_err(Failure::NoToken),
            // A login service that is down answers with a page for people.
            Err(_) if status >= 500 => Err(Failure::Unreachable(format!("the login service answers {status}"))),
            Err(e) => Err(e.into()),
        }
    }
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
