//! What STS answers: credentials of a role, or why there are none.
//!
//! Pure. Promises: no part of what came stands in a message, but the code and the words of a
//! refusal.

use super::reply::{self, Fresh};
use super::secret::Secret;
use super::source::Keys;
use quick_xml::Reader;
use quick_xml::events::Event;

/// What the service answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Credentials(Fresh),
    Refusal { code: String, message: String },
}

/// Reads an answer.
///
/// # Errors
/// Why it is none, without a word of what came.
pub(crate) fn read(bytes: &[u8]) -> Result<Given, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let (mut value, mut fields) = (Secret::default(), Fields::default());
    loop {
        match reader.read_event().map_err(|_| "it is no XML".to_owned())? {
            Event::Start(_) => value = Secret::default(),
            Event::Text(part) => {
                let part = part.decode().map_err(|_| "it is no XML".to_owned())?;
                value = Secret::new([value.expose(), &part].concat());
            }
            Event::GeneralRef(part) => {
                let name = part.decode().map_err(|_| "it is no XML".to_owned())?;
                let one = part.resolve_char_ref().map_err(|_| "it is no XML".to_owned())?.map(String::from);
                let known = one.or_else(|| quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned));
                value = Secret::new([value.expose(), &known.ok_or("it has an unknown entity")?].concat());
            }
            Event::End(tag) => fields.set(tag.local_name().as_ref(), std::mem::take(&mut value)),
            Event::Eof => break,
            _ => {}
        }
    }
    fields.given()
}

#[derive(Default)]
struct Fields {
    id: Option<Secret>,
    secret: Option<Secret>,
    token: Option<Secret>,
    expiration: Option<Secret>,
    code: Option<Secret>,
    message: Option<Secret>,
}

impl Fields {
    fn set(&mut self, name: &[u8], value: Secret) {
        let field = match name {
            b"AccessKeyId" => &mut self.id,
            b"SecretAccessKey" => &mut self.secret,
            b"SessionToken" => &mut self.token,
            b"Expiration" => &mut self.expiration,
            b"Code" => &mut self.code,
            b"Message" => &mut self.message,
            _ => return,
        };
        *field = Some(value).filter(|value| !value.expose().is_empty());
    }

    fn given(self) -> Result<Given, String> {
        if let Some(code) = self.code {
            let message = self.message.unwrap_or_default();
            return Ok(Given::Refusal { code: code.expose().to_owned(), message: message.expose().to_owned() });
        }
        let (Some(id), Some(secret)) = (self.id, self.secret) else { return Err("it has no credentials".to_owned()) };
        let end = self.expiration.map(|text| reply::time(text.expose()).ok_or("its Expiration is no time"));
        let keys = Keys { id: id.expose().to_owned(), secret, token: self.token };
        Ok(Given::Credentials(Fresh { keys, expires: end.transpose()? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GIVEN: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
        <AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>a&amp;b&#x2F;</SecretAccessKey><SessionToken>TOKEN</SessionToken>\
        <Expiration>1970-01-01T00:00:10Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";

    #[test]
    fn an_answer_is_read() {
        let Given::Credentials(fresh) = read(GIVEN.as_bytes()).unwrap() else { panic!("no credentials") };
        assert_eq!((fresh.keys.id.as_str(), fresh.keys.secret.expose()), ("ASIA1", "a&b/"));
        assert_eq!((fresh.keys.token.unwrap().expose(), fresh.expires.unwrap().seconds), ("TOKEN", 10));
        let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
        assert_eq!(
            read(refusal.as_bytes()).unwrap(),
            Given::Refusal { code: "AccessDenied".into(), message: "no".into() }
        );
    }

    #[test]
    fn what_is_none_is_refused_without_a_word_of_it() {
        for (from, to) in [
            ("<SecretAccessKey>", "<Other>"),
            ("1970-01-01T00:00:10Z", "soon"),
            ("&amp;", "&TOKEN;"),
            ("</Credentials>", "</X>"),
        ] {
            let why = read(GIVEN.replace(from, to).as_bytes()).unwrap_err();
            assert!(!why.contains("TOKEN"), "{why}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = read(&bytes);
        }
    }
}
