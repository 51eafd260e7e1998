//! What the pages say.

use std::fmt::{self, Write};

use aim_app::{AppError, ErrorCode, LoginAnswered, LoginAsk, LoginStage, LoginVisit};
use aim_domain::login::shown;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::door::Door;

/// Nothing but our own style sheet, and forms to ourselves.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";
/// The same with our one script, where a passkey can be asked for.
const POLICY_WITH_SCRIPT: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
                                  form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Text as it stands in a page, between tags or in a quoted attribute.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sign in self.0.chars() {
            match sign {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                sign => f.write_char(sign)?,
            }
        }
        Ok(())
    }
}

fn page(status: StatusCode, head: &str, body: &str, policy: &'static str) -> Response {
    let text = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Sign in to AIM</title>\
         <link rel=\"stylesheet\" href=\"/auth/login.css\">{head}</head>\
         <body><main>{body}</main></body></html>\n"
    );
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy),
        // `no-referrer` would make browsers hide from us which page a form is from.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn status_of(error: &AppError) -> StatusCode {
    match error.code {
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::PreconditionFailed => StatusCode::FORBIDDEN,
        ErrorCode::Conflict => StatusCode::CONFLICT,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// A page that nothing follows.
pub(super) fn failed(error: &AppError) -> Response {
    let words = Text(&error.message);
    let body = format!("<h1>This did not work</h1><p class=\"wrong\" role=\"alert\">{words}</p>");
    page(status_of(error), "", &body, POLICY)
}

/// The page of a visit as it stands; with what was wrong, and what a passkey is asked.
pub(super) fn next(
    door: &Door,
    visit: &LoginVisit,
    browser: &str,
    (wrong, options): (Option<&AppError>, Option<&Value>),
) -> Response {
    let sealed = match door.app.seal_login(visit, browser) {
        Ok(sealed) => sealed,
        Err(error) => return failed(&error),
    };
    let hidden = format!(
        "<input type=\"hidden\" name=\"visit\" value=\"{}\">",
        sealed.as_str()
    );
    let note = wrong.map(|error| {
        let words = Text(&error.message);
        format!("<p class=\"wrong\" role=\"alert\">{words}</p>")
    });
    let note = note.unwrap_or_default();
    let (head, policy) = match options {
        Some(_) => (
            "<script src=\"/auth/login.js\" defer></script>",
            POLICY_WITH_SCRIPT,
        ),
        None => ("", POLICY),
    };
    let body = match &visit.stage {
        LoginStage::Nobody => who(&hidden, &note, &door.app.oidc_providers(), &sealed),
        LoginStage::HalfDone { .. } => factor(&hidden, &note, options),
        LoginStage::SignedIn {
            must_change_password: true,
            ..
        } => new_password(&hidden, &note),
        LoginStage::SignedIn { email, .. } => match &visit.ask {
            LoginAsk::Device { typed, seen: None } => code(&hidden, &note, typed),
            ask => consent(&hidden, &note, ask, email),
        },
    };
    let status = wrong.map_or(StatusCode::OK, status_of);
    page(status, head, &body, policy)
}

fn who(hidden: &str, note: &str, issuers: &[String], sealed: &str) -> String {
    let mut body = format!(
        "<h1>Sign in</h1>{note}<form method=\"post\" action=\"/auth/login/password\">{hidden}\
         <label>E-mail address<input type=\"email\" name=\"email\" autocomplete=\"username\" required \
         autofocus></label><label>Password<input type=\"password\" name=\"password\" \
         autocomplete=\"current-password\" required></label><button>Sign in</button></form>"
    );
    for issuer in issuers {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("provider", issuer)
            .append_pair("visit", sealed);
        let (to, name) = (query.finish(), Text(issuer));
        let to = Text(&to);
        let _ = write!(
            body,
            "<p><a href=\"/auth/oidc/start?{to}\">Sign in with {name}</a></p>"
        );
    }
    body
}

fn factor(hidden: &str, note: &str, options: Option<&Value>) -> String {
    let passkey = options.map(|options| {
        let options = options.to_string();
        let options = Text(&options);
        format!(
            "<form method=\"post\" action=\"/auth/login/factor\" id=\"passkey\" \
             data-options=\"{options}\">{hidden}<input type=\"hidden\" name=\"passkey\">\
             <button>Use a passkey</button></form>"
        )
    });
    let passkey = passkey.unwrap_or_default();
    format!(
        "<h1>Second factor</h1>{note}{passkey}<form method=\"post\" action=\"/auth/login/factor\">\
         {hidden}<label>Code of your authenticator, or a recovery code<input name=\"code\" \
         autocomplete=\"one-time-code\" required></label><button>Continue</button></form>"
    )
}

fn new_password(hidden: &str, note: &str) -> String {
    let field = |label: &str, name: &str, kind: &str| {
        format!(
            "<label>{label}<input type=\"password\" name=\"{name}\" autocomplete=\"{kind}-password\" \
             required></label>"
        )
    };
    let (current, new, again) = (
        field("One-time password", "current", "current"),
        field("New password", "new", "new"),
        field("The same again", "again", "new"),
    );
    format!(
        "<h1>Choose a password</h1><p>This is the one-time password: another one has to take its \
         place.</p>{note}<form method=\"post\" action=\"/auth/login/new-password\">{hidden}{current}\
         {new}{again}<button>Continue</button></form>"
    )
}

fn code(hidden: &str, note: &str, typed: &str) -> String {
    let typed = Text(typed);
    format!(
        "<h1>Which program?</h1>{note}<form method=\"post\" action=\"/auth/login/code\">{hidden}\
         <label>The code that your terminal shows<input name=\"user_code\" value=\"{typed}\" \
         autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" required></label>\
         <button>Continue</button></form>"
    )
}

fn consent(hidden: &str, note: &str, ask: &LoginAsk, email: &str) -> String {
    let (device, from) = match ask {
        LoginAsk::Browser { device, .. } => (device.clone(), "this machine".to_owned()),
        LoginAsk::Device { typed, seen } => {
            let seen = seen.as_ref();
            let device = seen.map(|it| it.device.clone()).unwrap_or_default();
            let address = seen
                .and_then(|it| it.address.as_deref())
                .unwrap_or("unknown");
            (device, format!("{address}, with the code {}", shown(typed)))
        }
    };
    let (device, from, email) = (Text(&device), Text(&from), Text(email));
    format!(
        "<h1>aim on {device} asks to sign in as you</h1>{note}<dl><dt>You are</dt><dd>{email}</dd>\
         <dt>It asks from</dt><dd>{from}</dd></dl><p>It can then do whatever you can, until \
         <code>aim logout</code>. Agree only if you have just started <code>aim login</code> there \
         yourself: nobody else has a reason to send you to this page.</p>\
         <form method=\"post\" action=\"/auth/login/answer\">{hidden}\
         <button name=\"answer\" value=\"approve\">Approve</button> \
         <button name=\"answer\" value=\"deny\" class=\"no\">Deny</button></form>"
    )
}

/// The last page. A redirect behind a form would have to be allowed as a target of forms, which has no
/// form for `[::1]`; so the page itself goes on.
pub(super) fn answered(answered: LoginAnswered) -> Response {
    let (to, code, state) = match answered {
        LoginAnswered::Redirect { to, code, state } => (to, code, state),
        LoginAnswered::Kept { is_approved } => {
            let words = if is_approved {
                "Approved: your terminal goes on by itself."
            } else {
                "Denied: the program was told so."
            };
            let body = format!("<h1>{words}</h1><p>This page can be closed.</p>");
            return page(StatusCode::OK, "", &body, POLICY);
        }
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    match &code {
        Some(code) => query.append_pair("code", code),
        None => query.append_pair("error", "access_denied"),
    };
    query.append_pair("state", &state);
    let to = format!("{to}?{}", query.finish());
    let to = Text(&to);
    let head = format!("<meta http-equiv=\"refresh\" content=\"0;url={to}\">");
    let body = format!("<h1>Back to your terminal</h1><p><a href=\"{to}\">Continue</a></p>");
    page(StatusCode::OK, &head, &body, POLICY)
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let kind = (header::CONTENT_TYPE, kind);
    let kept = (header::CACHE_CONTROL, "public, max-age=3600");
    ([kind, kept], text).into_response()
}

/// `GET /auth/login.css`
pub(super) async fn css() -> Response {
    let text = include_str!("../../assets/login/login.css");
    file("text/css; charset=utf-8", text)
}

/// `GET /auth/login.js`
pub(super) async fn js() -> Response {
    let text = include_str!("../../assets/login/login.js");
    file("text/javascript; charset=utf-8", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_text() {
        let hostile = "<script>\"'&</script>";
        let escaped = "&lt;script&gt;&quot;&#39;&amp;&lt;/script&gt;";
        assert_eq!(Text(hostile).to_string(), escaped);
        let ask = LoginAsk::Browser {
            redirect_uri: String::new(),
            challenge: String::new(),
            state: String::new(),
            device: hostile.to_owned(),
        };
        for body in [
            consent("", "", &ask, hostile),
            code("", "", hostile),
            who("", "", &[hostile.to_owned()], "x"),
            factor("", "", Some(&serde_json::json!({ "a": hostile }))),
        ] {
            assert!(
                !body.contains("<script>") && !body.contains("\"'&"),
                "{body}"
            );
        }
    }
}
