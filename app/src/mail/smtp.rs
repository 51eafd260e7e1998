//! Letters over SMTP.

use std::path::PathBuf;
use std::time::Duration;

use futures::future::BoxFuture;
use lettre::message::{Mailbox, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use url::Url;

use super::{Letter, MailError, Mailer};

/// Longest silence of a mail server.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Answers that are about this letter or its recipient and stay the same. Others, such as refused
/// credentials, change when somebody looks after the server.
const PERMANENT: [&str; 6] = ["521", "550", "551", "553", "554", "556"];

/// Where letters go.
#[derive(Clone)]
pub struct SmtpConfig {
    /// `smtps://` (TLS from the start) or `smtp://` (STARTTLS, or `?tls=none`), user and password in
    /// front of the host where they are needed.
    pub url: String,
    /// Who sends, such as `AIM <aim@example.org>`.
    pub from: String,
    /// Certificates in PEM that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

impl std::fmt::Debug for SmtpConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpConfig")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// Why the configuration is of no use. The words never hold the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// The URL.
    #[error(
        "`smtp_url` {0}; give one such as `smtps://user:password@mail.example` or \
         `smtp://mail.example` (STARTTLS) or `smtp://127.0.0.1:25?tls=none`"
    )]
    Url(&'static str),
    /// The sender.
    #[error("`smtp_from` is no address such as `AIM <aim@example.org>`: {0}")]
    From(String),
    /// The certificates.
    #[error("`smtp_ca_file`: {0}")]
    Certificates(String),
}

/// Carries letters to a mail server, each over a connection of its own.
#[derive(Clone)]
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl std::fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpMailer")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// A part of a URL as it was meant.
fn decoded(text: &str) -> Result<String, SmtpError> {
    // As form data a plus would be a space; in user and password it is a plus.
    let escaped = text.replace('+', "%2B");
    let pairs = format!("x={}", escaped.replace('&', "%26"));
    let mut pairs = url::form_urlencoded::parse(pairs.as_bytes());
    let value = pairs.next().map(|(_, value)| value.into_owned());
    value.ok_or(SmtpError::Url("has a user or password that cannot be read"))
}

impl SmtpMailer {
    /// By the configuration; connects to nobody yet.
    ///
    /// # Errors
    /// [`SmtpError`] naming the setting.
    pub fn new(config: &SmtpConfig) -> Result<Self, SmtpError> {
        let from: Mailbox = config
            .from
            .parse()
            .map_err(|error| SmtpError::From(format!("{error}")))?;
        let url = Url::parse(&config.url).map_err(|_| SmtpError::Url("is no URL"))?;
        let host = url.host_str().ok_or(SmtpError::Url("has no host"))?;
        let is_plain = url
            .query_pairs()
            .any(|pair| pair == ("tls".into(), "none".into()));
        if url.query().is_some() && !is_plain {
            return Err(SmtpError::Url("knows no other parameter than `tls=none`"));
        }
        let (tls, port) = match (url.scheme(), is_plain) {
            ("smtps", false) => (Tls::Wrapper(Self::tls(host, config)?), 465),
            ("smtp", false) => (Tls::Required(Self::tls(host, config)?), 587),
            ("smtp", true) => (Tls::None, 25),
            _ => return Err(SmtpError::Url("is neither `smtp` nor `smtps`")),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(url.port().unwrap_or(port))
            .timeout(Some(TIMEOUT))
            .tls(tls);
        if !url.username().is_empty() {
            if is_plain && !["127.0.0.1", "localhost", "[::1]"].contains(&host) {
                return Err(SmtpError::Url("would send a password without TLS"));
            }
            let password = decoded(url.password().unwrap_or_default())?;
            builder = builder.credentials(Credentials::new(decoded(url.username())?, password));
        }
        let transport = builder.build();
        Ok(Self { transport, from })
    }

    /// Connects and signs in, and sends nothing.
    ///
    /// # Errors
    /// What the server or the way to it says against it.
    pub async fn reach(&self) -> Result<(), String> {
        match self.transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err("it is there, and takes no letters".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn tls(host: &str, config: &SmtpConfig) -> Result<TlsParameters, SmtpError> {
        let wrong = |error: &dyn std::fmt::Display| SmtpError::Certificates(error.to_string());
        let mut tls = TlsParameters::builder(host.to_owned());
        if let Some(file) = &config.ca_file {
            let pem = std::fs::read(file).map_err(|error| wrong(&error))?;
            let certificate = Certificate::from_pem(&pem).map_err(|error| wrong(&error))?;
            tls = tls.add_root_certificate(certificate);
        }
        tls.build().map_err(|error| wrong(&error))
    }

    fn message(&self, letter: &Letter) -> Result<Message, MailError> {
        let never = |error: &dyn std::fmt::Display| MailError {
            is_permanent: true,
            message: error.to_string(),
        };
        let to: Address = letter
            .to
            .as_str()
            .parse()
            .map_err(|error: lettre::address::AddressError| never(&error))?;
        // Whatever a subject was made of: it is one line.
        let subject: String = letter
            .subject
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let host = self.from.email.domain();
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .message_id(Some(format!("<{}@{host}>", letter.id)))
            .raw_header(header::HeaderValue::new(
                header::HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .header(header::ContentType::TEXT_PLAIN)
            .body(letter.body.as_str().to_owned())
            .map_err(|error| never(&error))
    }
}

impl Mailer for SmtpMailer {
    fn send<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), MailError>> {
        Box::pin(async move {
            let message = self.message(letter)?;
            let sent = self.transport.send(message).await;
            sent.map(drop).map_err(|error| {
                let code = error.status().map(|code| code.to_string());
                let is_permanent = code.is_some_and(|code| PERMANENT.contains(&code.as_str()));
                let message = error.to_string();
                MailError {
                    is_permanent,
                    message,
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aim_domain::email::EmailAddress;
    use aim_domain::id::MailId;
    use uuid::Uuid;
    use zeroize::Zeroizing;

    fn mailer(url: &str) -> Result<SmtpMailer, SmtpError> {
        SmtpMailer::new(&SmtpConfig {
            url: url.to_owned(),
            from: "AIM <aim@aim.example>".to_owned(),
            ca_file: None,
        })
    }

    #[test]
    fn passwords_go_over_tls_only_and_errors_do_not_show_them() {
        for (url, is_good) in [
            ("smtp://mail.example", true),
            ("smtps://u:p%40ss@mail.example:4650", true),
            ("smtp://127.0.0.1:25?tls=none", true),
            ("smtp://u:secret@127.0.0.1?tls=none", true),
            ("smtp://u:secret@mail.example?tls=none", false),
            ("smtp://u:secret@mail.example?tls=maybe", false),
            ("smtps://u:secret@mail.example?tls=none", false),
            ("http://u:secret@mail.example", false),
            ("u:secret", false),
        ] {
            let made = mailer(url);
            assert_eq!(made.is_ok(), is_good, "{url}: {made:?}");
            assert!(!format!("{made:?}").contains("secret"), "{url}");
        }
        assert_eq!(decoded("a%40b+c&d").unwrap(), "a@b+c&d");
    }

    #[test]
    fn header_injection_is_impossible() {
        let mailer = mailer("smtp://mail.example").unwrap();
        let letter = Letter {
            id: MailId::from_uuid(Uuid::nil()),
            to: EmailAddress::parse("a@b.example").unwrap(),
            subject: "x\r\nBcc: evil@b.example\n\nbody\u{85}ž".to_owned(),
            body: Zeroizing::new("first\r\n.\r\nlast".to_owned()),
        };
        let message = mailer.message(&letter).unwrap().formatted();
        let text = String::from_utf8(message).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        let names = head
            .split("\r\n")
            .filter(|line| !line.starts_with(' '))
            .filter_map(|line| line.split_once(':').map(|(name, _)| name))
            .collect::<Vec<_>>();
        assert!(!names.contains(&"Bcc"), "{head}");
        assert_eq!(names.iter().filter(|name| **name == "Subject").count(), 1);
        assert!(EmailAddress::parse("a@b.example\r\nBcc: c@d").is_err());
    }
}
