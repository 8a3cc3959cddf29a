//! A small browser: a jar of cookies, forms with their CSRF token, redirects when they are asked for.

use std::collections::BTreeMap;

use crate::app::TestApp;
use crate::client::Client;

/// Redirects that one visit follows at most.
const HOPS_MAX: usize = 10;

/// A browser at one server. A clone has the same cookies, and goes its own way from there.
#[derive(Clone)]
pub struct Browser {
    client: Client,
    pub cookies: BTreeMap<String, String>,
    /// The CSRF token of the last page with a form.
    pub csrf: String,
    /// Sent with forms; a browser says here which site the form is on.
    pub origin: Option<String>,
    pub device: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Page {
    pub asked: String,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Browser {
    pub fn new(app: &TestApp) -> Browser {
        let client = app.client().clone();
        let origin = Some(format!("http://{}", client.host()));
        let device = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_string();
        Browser { client, cookies: BTreeMap::new(), csrf: String::new(), origin, device }
    }

    /// Returns this browser at another server: cookies know no port.
    pub fn at(&self, app: &TestApp) -> Browser {
        Browser { cookies: self.cookies.clone(), csrf: self.csrf.clone(), ..Browser::new(app) }
    }

    /// Gets a page. `path` begins with `/`, or is a whole URL of the server.
    pub fn get(&mut self, path: &str) -> Page {
        self.send("GET", path, &[], "")
    }

    /// Sends a form with the CSRF token of the last page, unless the fields name one.
    pub fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let mut body = String::new();
        if !fields.iter().any(|(name, _)| *name == "csrf") {
            body.push_str("csrf=");
            body.push_str(&self.csrf);
        }
        for (name, value) in fields {
            if !body.is_empty() {
                body.push('&');
            }
            body.push_str(name);
            body.push('=');
            medilink::rest::query::encode(&mut body, value);
        }
        let origin = self.origin.clone();
        let mut headers = vec![("Content-Type", "application/x-www-form-urlencoded")];
        headers.extend(origin.as_deref().map(|origin| ("Origin", origin)));
        self.send("POST", path, &headers, &body)
    }

    /// Follows redirects for as long as they stay at this server; one that leaves it is returned as it came.
    pub fn follow(&mut self, page: Page) -> Page {
        let mut page = page;
        let home = format!("http://{}", self.client.host());
        for _ in 0..HOPS_MAX {
            let Some(to) = page.location().filter(|to| to.starts_with(&home) || to.starts_with('/')) else {
                return page;
            };
            let to = to.to_string();
            page = self.get(&to);
        }
        panic!("{}: more than {HOPS_MAX} redirects", page.asked);
    }

    /// Signs in with a password; returns the answer to it, which is a redirect when all went well.
    pub fn sign_in(&mut self, login: &str, password: &str) -> Page {
        self.get("/login").expect(200);
        self.submit("/login", &[("login", login), ("password", password)])
    }

    /// Returns whether a page that wants a signed-in person is shown.
    pub fn is_signed_in(&mut self) -> bool {
        self.get("/account").status == 200
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Page {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (cookies, device) = (cookies.join("; "), self.device.clone());
        let mut headers = headers.to_vec();
        headers.push(("User-Agent", &device));
        if !cookies.is_empty() {
            headers.push(("Cookie", &cookies));
        }
        let answer = self.client.request(method, path, &headers, body.as_bytes());
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            self.keep(cookie);
        }
        let page = Page { text: answer.text(), asked: answer.asked, status: answer.status, headers: answer.headers };
        if let Some(csrf) = page.hidden("csrf") {
            self.csrf = csrf;
        }
        page
    }

    fn keep(&mut self, cookie: &str) {
        let (pair, rest) = cookie.split_once(';').unwrap_or((cookie, ""));
        let (name, value) = pair.split_once('=').expect("a cookie has a name");
        if value.is_empty() || rest.to_ascii_lowercase().contains("max-age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_string(), value.to_string());
        }
    }
}

impl Page {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns where a redirect leads.
    pub fn location(&self) -> Option<&str> {
        self.header("location").filter(|_| (300..400).contains(&self.status))
    }

    /// Returns the value of the first hidden field of this name.
    pub fn hidden(&self, name: &str) -> Option<String> {
        let (_, rest) = self.text.split_once(&format!("type=\"hidden\" name=\"{name}\" value=\""))?;
        rest.split_once('"').map(|(value, _)| unescaped(value))
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Page {
        assert_eq!(self.status, status, "{}: {:?} {}", self.asked, self.location(), self.text);
        self
    }

    /// Checks that this is a redirect to here.
    #[track_caller]
    pub fn expect_to(self, location: &str) -> Page {
        assert_eq!((self.status, self.location()), (303, Some(location)), "{}: {}", self.asked, self.text);
        self
    }

    /// Checks that the page says these words.
    #[track_caller]
    pub fn expect_words(self, words: &str) -> Page {
        assert!(unescaped(&self.text).contains(words), "{}: no '{words}' in {}", self.asked, self.text);
        self
    }

    /// Returns the words of the box that says what went wrong.
    pub fn error(&self) -> Option<String> {
        let (_, rest) = self.text.split_once("role=\"alert\">")?;
        rest.split_once('<').map(|(words, _)| unescaped(words))
    }
}

/// Returns the text of HTML that our templates escaped.
pub fn unescaped(html: &str) -> String {
    html.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#39;", "'").replace("&#38;", "&")
}

/// Adds a person by the command, as the operator of the server does. `more` are flags such as `--fhir-user`.
#[track_caller]
pub fn add_person(app: &TestApp, login: &str, password: &str, role: &str, more: &[&str]) {
    let mut arguments = vec!["--login", login, "--name", login, "--role", role, "--password-stdin"];
    arguments.extend(more);
    let output = app.run_fed("user add", &arguments, password);
    assert!(output.status.success(), "user add: {}", String::from_utf8_lossy(&output.stderr));
}
