//! The service that gives roles: to whoever has other credentials (`AssumeRole`), and for a signed
//! token in a file (`AssumeRoleWithWebIdentity`).
//!
//! `object_store` has the second one too, but puts the token into the address, where logs of
//! proxies keep it, and where not every server looks. Promises: both are sent as forms, as the aws
//! command sends them; the file with a token is read again each time, as others renew it.

use super::given::{Given, read};
use super::lack::{Lack, said};
use super::renew::Fetch;
use super::reply::Fresh;
use super::secret::Secret;
use super::source::{Role, WebIdentity};
use crate::remote::line::heard;
use crate::remote::provider::Pending;
use object_store::HeaderValue;
use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use reqwest::Method;
use zeroize::Zeroizing;

/// Credentials of a role.
pub(super) struct OfRole {
    pub(super) wish: Wish,
    pub(super) endpoint: String,
    pub(super) region: String,
    pub(super) http: HttpClient,
}

/// By what a role is asked for.
pub(super) enum Wish {
    Chain { role: Role, of: AwsCredentialProvider },
    Token(WebIdentity),
}

impl OfRole {
    async fn ask(&self) -> Result<Fresh, Lack> {
        let request = self.request().await?;
        let (told, advice) = (|why: &str| format!("{} was not given: {why}", self.wish.what()), self.wish.advice());
        let away = |why: String| {
            let advice = "check the network and AWS_ENDPOINT_URL_STS, then run again";
            Lack::away(told(&format!("{} does not answer: {why}", self.endpoint)), advice)
        };
        let response = self.http.execute(request).await.map_err(|e| match heard().trouble {
            Some(trouble) => away(trouble.to_string()),
            None => away(said(&e.to_string())),
        })?;
        let (parts, body) = response.into_parts();
        let bytes = Zeroizing::new(body.bytes().await.map_err(|e| away(said(&e.to_string())))?.to_vec());
        let status = parts.status.as_u16();
        let busy = || Lack::away(told(&format!("the service is busy ({status})")), "run again later");
        let senseless =
            |why: &str| Lack::refused(told(&format!("the answer is not one of STS ({status}): {why}")), advice);
        match read(&bytes) {
            _ if status >= 500 || status == 429 => Err(busy()),
            Ok(Given::Credentials(fresh)) if parts.status.is_success() => Ok(fresh),
            Ok(Given::Credentials(_)) => Err(senseless("credentials and a refusal at once")),
            Ok(Given::Refusal { code, .. }) if code.starts_with("Throttling") || code == "IDPCommunicationError" => {
                Err(busy())
            }
            Ok(Given::Refusal { code, message }) => {
                let lack = Lack::refused(told(&format!("{} ({status} {})", said(&message), said(&code))), advice);
                // The file is perhaps written anew in a moment.
                Err(if code == "ExpiredTokenException" { lack.may_pass() } else { lack })
            }
            Err(why) => Err(senseless(&why)),
        }
    }

    async fn request(&self) -> Result<HttpRequest, Lack> {
        let refuse =
            |why: String| Lack::settings(format!("{} was not given: {why}", self.wish.what()), self.wish.advice());
        let mut request = HttpRequest::new(HttpRequestBody::from(self.wish.form()?.as_bytes().to_vec()));
        *request.method_mut() = Method::POST;
        let address = format!("{}/", self.endpoint.trim_end_matches('/')).parse();
        *request.uri_mut() = address.map_err(|e| refuse(format!("{} is no address: {e}", self.endpoint)))?;
        request.headers_mut().insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
        if let Wish::Chain { of, .. } = &self.wish {
            let by = of.get_credential().await.map_err(|e| match heard().lack {
                Some(lack) => *lack,
                None => refuse(said(&e.to_string())),
            })?;
            let signed = AwsAuthorizer::new(&by, "sts", &self.region).try_authorize(&mut request, None);
            signed.map_err(|e| refuse(said(&e.to_string())))?;
        }
        Ok(request)
    }
}

impl Wish {
    fn what(&self) -> String {
        match self {
            Wish::Chain { role, .. } => format!("the role {} of the profile {}", role.arn, role.profile),
            Wish::Token(identity) => format!("the role {} for the token in {}", identity.role, identity.token_file),
        }
    }

    fn advice(&self) -> &'static str {
        match self {
            Wish::Chain { .. } => "check role_arn, its trust, and what the source_profile is allowed to do",
            Wish::Token(_) => "check AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE and the trust of the role",
        }
    }

    /// What is asked, as the body of a request.
    fn form(&self) -> Result<Zeroizing<String>, Lack> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("Version", "2011-06-15");
        match self {
            Wish::Chain { role, .. } => {
                form.append_pair("Action", "AssumeRole").append_pair("RoleArn", &role.arn);
                form.append_pair("RoleSessionName", role.session.as_deref().unwrap_or(SESSION));
                if let Some(id) = &role.external_id {
                    form.append_pair("ExternalId", id);
                }
                if let Some(seconds) = role.seconds {
                    form.append_pair("DurationSeconds", &seconds.to_string());
                }
            }
            Wish::Token(identity) => {
                let read = std::fs::read_to_string(&identity.token_file);
                let token = read.map(Secret::new).map_err(|e| {
                    let why = format!("{} was not asked for: the file cannot be read: {e}", self.what());
                    Lack::settings(why, self.advice()).may_pass()
                })?;
                form.append_pair("Action", "AssumeRoleWithWebIdentity").append_pair("RoleArn", &identity.role);
                form.append_pair("RoleSessionName", identity.session.as_deref().unwrap_or(SESSION));
                form.append_pair("WebIdentityToken", token.expose().trim());
            }
        }
        Ok(Zeroizing::new(form.finish()))
    }
}

impl Fetch for OfRole {
    fn fetch(&self) -> Pending<'_, Result<Fresh, Lack>> {
        Box::pin(self.ask())
    }

    fn name(&self) -> String {
        format!("STS ({})", self.endpoint)
    }
}

/// What the log of the account calls a session that nobody named.
const SESSION: &str = "cairn";
