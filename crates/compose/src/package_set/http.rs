//! One transfer of one file over HTTP, or from a local file: what the answer means, and whether another try can help.
//!
//! Must not know: digests of files, retries, how many transfers run.

use std::sync::Arc;
use std::time::Duration;

use fs_err::tokio as fs;
use reqwest::header::{
    CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, LOCATION, RANGE,
    RETRY_AFTER,
};
use reqwest::{Response, StatusCode, Url, redirect};
use tokio::io::AsyncReadExt as _;

use super::cache::{Partial, Remembered};
use super::credentials::Credentials;
use super::download::{FetchFailure, Limits};
use super::progress::Progress;
use super::rate::RateLimit;

const MAX_REDIRECTS: usize = 5;
const USER_AGENT: &str = concat!("charmer/", env!("CARGO_PKG_VERSION"));

/// Connections to servers, kept open between transfers. Making them reads the machine's certificate authorities; cloning them costs
/// nothing.
#[derive(Debug, Clone)]
pub struct Connections {
    client: reqwest::Client,
    credentials: Arc<Credentials>,
}

/// Connections, and what the transfers of one downloader share.
pub(super) struct Client {
    connections: Connections,
    stall: Duration,
    rate: Option<RateLimit>,
    progress: Arc<Progress>,
}

/// A transfer that did not end well.
#[derive(Debug)]
pub(super) enum Failed {
    /// Another try may help.
    ForNow {
        reason: String,
        retry_after: Option<Duration>,
    },
    ForGood(FetchFailure),
}

/// What a server says about a file that we may have.
pub(super) enum News {
    Unchanged,
    Content { bytes: Vec<u8>, etag: Option<String>, last_modified: Option<String> },
}

/// The proxies that requests go through, as the environment's variables of these names have them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    pub http: Option<String>,
    pub https: Option<String>,
    /// Hosts that are asked directly: `localhost,.example.org,10.0.0.0/8`.
    pub no_proxy: Option<String>,
}

impl Proxies {
    fn read(&self) -> Result<Vec<reqwest::Proxy>, String> {
        let direct = || self.no_proxy.as_deref().and_then(reqwest::NoProxy::from_string);
        let http = self.http.as_deref().map(|url| reqwest::Proxy::http(url).map_err(|error| (url, error)));
        let https = self.https.as_deref().map(|url| reqwest::Proxy::https(url).map_err(|error| (url, error)));
        let read = http.into_iter().chain(https).map(|proxy| match proxy {
            Ok(proxy) => Ok(proxy.no_proxy(direct())),
            Err((url, error)) => {
                let url = without_credentials(url);
                Err(format!("the proxy {url:?} cannot be used: {}", error_chain(&error)))
            }
        });
        read.collect()
    }
}

/// For messages.
fn without_credentials(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (&url[..scheme.len() + 3], rest));
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    format!("{scheme}{place}")
}

impl Connections {
    /// Fails when a proxy's address is none.
    pub fn new(limits: &Limits, proxies: &Proxies, credentials: Credentials) -> Result<Self, String> {
        // It fails only when a provider is set already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let proxies = proxies.read()?;
        let builder = || {
            let builder = reqwest::Client::builder()
                .user_agent(USER_AGENT)
                .connect_timeout(limits.connect_timeout)
                .redirect(redirect::Policy::custom(judge_redirect))
                .no_proxy();
            proxies.iter().fold(builder, |builder, proxy| builder.proxy(proxy.clone()))
        };
        // Without any certificate authority on the machine, http must work all the same; https then trusts nobody.
        let client = builder().build().or_else(|_| builder().tls_certs_only([]).build()).map_err(|error| error_chain(&error))?;
        Ok(Self { client, credentials: Arc::new(credentials) })
    }
}

impl Client {
    pub(super) fn new(connections: Connections, stall: Duration, rate: Option<RateLimit>, progress: Arc<Progress>) -> Self {
        Self { connections, stall, rate, progress }
    }

    /// Transfers what is missing of a file of known size. Not a byte more than that is taken.
    pub(super) async fn transfer(&self, url: &Url, partial: &mut Partial, size: u64) -> Result<(), Failed> {
        if partial.length() == size {
            return Ok(());
        }
        if url.scheme() == "file" {
            return self.copy(url, partial, size).await;
        }
        let mut response = self.ask(url, resume_headers(partial)).await?;
        self.begin(&response, partial, size)?;
        while let Some(chunk) = self.next_chunk(&mut response).await? {
            if partial.length() + chunk.len() as u64 > size {
                return Err(stale(format!("it is larger than {size} bytes")));
            }
            if let Some(rate) = &self.rate {
                rate.pass(chunk.len()).await;
            }
            // Written and hashed in place: a chunk takes tens of microseconds, less than handing it to another thread would.
            partial.append(&chunk).map_err(|error| cache_error(&error))?;
            self.progress.received(chunk.len() as u64);
        }
        if partial.length() < size { Err(for_now(cut_off(partial.length(), size))) } else { Ok(()) }
    }

    /// Transfers a small file whole, if it is not the one that is known already.
    pub(super) async fn fetch_news(&self, url: &Url, limit: u64, known: Option<&Remembered>) -> Result<News, Failed> {
        let too_large = || Failed::ForGood(FetchFailure::TooLarge { limit });
        if url.scheme() == "file" {
            let file = open_local(url).await?;
            let mut bytes = Vec::new();
            file.take(limit + 1).read_to_end(&mut bytes).await.map_err(|error| unreadable(&error))?;
            let whole = bytes.len() as u64 <= limit;
            return if whole { Ok(News::Content { bytes, etag: None, last_modified: None }) } else { Err(too_large()) };
        }
        let mut headers = HeaderMap::new();
        if let Some(known) = known {
            insert(&mut headers, IF_NONE_MATCH, known.etag.as_deref());
            insert(&mut headers, IF_MODIFIED_SINCE, known.last_modified.as_deref());
        }
        let mut response = self.ask(url, headers).await?;
        match response.status() {
            StatusCode::NOT_MODIFIED if known.is_some() => return Ok(News::Unchanged),
            StatusCode::OK => {}
            _ => return Err(status_failure(&response)),
        }
        let announced = response.content_length();
        let mut bytes = Vec::new();
        while let Some(chunk) = self.next_chunk(&mut response).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > limit {
                return Err(too_large());
            }
        }
        match announced {
            Some(announced) if announced != bytes.len() as u64 => Err(for_now(cut_off(bytes.len() as u64, announced))),
            _ => Ok(News::Content { bytes, etag: header(&response, ETAG), last_modified: header(&response, LAST_MODIFIED) }),
        }
    }

    /// Throws away what there is of a file.
    pub(super) fn restart(&self, partial: &mut Partial) -> std::io::Result<()> {
        self.progress.take_back(partial.length());
        partial.restart()
    }

    async fn ask(&self, url: &Url, headers: HeaderMap) -> Result<Response, Failed> {
        let mut request = self.connections.client.get(url.clone()).headers(headers);
        if let Some((login, password)) = self.connections.credentials.of(url) {
            request = request.basic_auth(login, Some(password));
        }
        match tokio::time::timeout(self.stall, request.send()).await {
            Ok(answer) => answer.map_err(request_failure),
            Err(_) => Err(self.stalled()),
        }
    }

    async fn next_chunk(&self, response: &mut Response) -> Result<Option<impl std::ops::Deref<Target = [u8]> + use<>>, Failed> {
        match tokio::time::timeout(self.stall, response.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| for_now(error_chain(&error))),
            Err(_) => Err(self.stalled()),
        }
    }

    fn stalled(&self) -> Failed {
        for_now(format!("nothing came for {:.1} s", self.stall.as_secs_f64()))
    }

    /// Judges an answer by its headers, before anything of its body is read.
    fn begin(&self, response: &Response, partial: &mut Partial, size: u64) -> Result<(), Failed> {
        match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let (start, total) = content_range(response).ok_or_else(|| for_now("the range of the answer is unclear"))?;
                if total.is_some_and(|total| total != size) {
                    return Err(stale(format!("its size is {} instead of {size}", total.unwrap_or_default())));
                }
                if start != partial.length() {
                    self.restart(partial).map_err(|error| cache_error(&error))?;
                    return Err(for_now("the answer holds another range than was asked for"));
                }
            }
            StatusCode::OK => {
                // The server has no ranges, or the file changed since.
                self.restart(partial).map_err(|error| cache_error(&error))?;
                if let Some(length) = response.content_length().filter(|length| *length != size) {
                    return Err(stale(format!("its size is {length} instead of {size}")));
                }
                let etag = header(response, ETAG).filter(|etag| !etag.starts_with("W/"));
                let validator = etag.or_else(|| header(response, LAST_MODIFIED));
                partial.set_validator(validator.as_deref()).map_err(|error| cache_error(&error))?;
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {
                self.restart(partial).map_err(|error| cache_error(&error))?;
                return Err(for_now("the server has no such range of it"));
            }
            _ => return Err(status_failure(response)),
        }
        Ok(())
    }

    async fn copy(&self, url: &Url, partial: &mut Partial, size: u64) -> Result<(), Failed> {
        let mut file = open_local(url).await?;
        self.restart(partial).map_err(|error| cache_error(&error))?;
        let mut buffer = vec![0; 128 * 1024];
        loop {
            let count = file.read(&mut buffer).await.map_err(|error| unreadable(&error))?;
            if partial.length() + count as u64 > size || count == 0 && partial.length() < size {
                return Err(stale(format!("its size is not {size}")));
            }
            if count == 0 {
                return Ok(());
            }
            partial.append(&buffer[..count]).map_err(|error| cache_error(&error))?;
            self.progress.received(count as u64);
        }
    }
}

async fn open_local(url: &Url) -> Result<fs::File, Failed> {
    let path = url.to_file_path().map_err(|()| Failed::ForGood(FetchFailure::Scheme))?;
    match fs::File::open(&path).await {
        Ok(file) => Ok(file),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Failed::ForGood(FetchFailure::Missing)),
        Err(error) => Err(unreadable(&error)),
    }
}

fn resume_headers(partial: &Partial) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if partial.length() > 0 {
        insert(&mut headers, RANGE, Some(&format!("bytes={}-", partial.length())));
        insert(&mut headers, IF_RANGE, partial.validator());
    }
    headers
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    // What came from a header fits a header; anything else was not written by us and is left out.
    if let Some(value) = value.and_then(|value| value.parse().ok()) {
        headers.insert(name, value);
    }
}

fn header(response: &Response, name: HeaderName) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// First byte and, if the server says so, size of the whole file, of `bytes 10-19/20`.
fn content_range(response: &Response) -> Option<(u64, Option<u64>)> {
    let range = header(response, CONTENT_RANGE)?;
    let (span, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = span.split_once('-')?;
    Some((start.parse().ok()?, total.parse().ok()))
}

fn status_failure(response: &Response) -> Failed {
    let status = response.status();
    match status.as_u16() {
        // What can be followed was followed.
        301..=303 | 307 | 308 => {
            let target = header(response, LOCATION).unwrap_or_default();
            Failed::ForGood(FetchFailure::Redirect(format!("it leads to '{target}'")))
        }
        404 | 410 => Failed::ForGood(FetchFailure::Missing),
        408 | 429 | 500 | 502..=504 | 506..=599 => {
            let retry_after = header(response, RETRY_AFTER).and_then(|value| value.parse().ok()).map(Duration::from_secs);
            Failed::ForNow { reason: format!("the server answers with status {status}"), retry_after }
        }
        status => Failed::ForGood(FetchFailure::Refused { status }),
    }
}

fn request_failure(error: reqwest::Error) -> Failed {
    if error.is_redirect() {
        return Failed::ForGood(FetchFailure::Redirect(error_chain(&error)));
    }
    if is_about_trust(&error) {
        return Failed::ForGood(FetchFailure::Untrusted(error_chain(&error)));
    }
    for_now(error_chain(&error))
}

/// A server whose certificate is not believed will not have a better one in a second.
fn is_about_trust(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        let inner = current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref()).or_else(|| current.downcast_ref::<rustls::Error>());
        if matches!(tls, Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        cause = current.source();
    }
    false
}

fn judge_redirect(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let from = attempt.previous().last().map_or("", |url| url.scheme()).to_owned();
    match (from.as_str(), attempt.url().scheme()) {
        _ if attempt.previous().len() > MAX_REDIRECTS => attempt.error(format!("more than {MAX_REDIRECTS} of them")),
        ("https", "http") => attempt.error("it leads from https to http"),
        (_, "http" | "https") => attempt.follow(),
        (_, scheme) => {
            let message = format!("it leads to a URL of scheme '{scheme}'");
            attempt.error(message)
        }
    }
}

fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let message = current.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = current.source();
    }
    text
}

fn cut_off(length: u64, size: u64) -> String {
    format!("the connection ended after {length} of {size} bytes")
}

fn for_now(reason: impl Into<String>) -> Failed {
    Failed::ForNow { reason: reason.into(), retry_after: None }
}

fn stale(what: String) -> Failed {
    Failed::ForGood(FetchFailure::Stale(what))
}

fn unreadable(error: &std::io::Error) -> Failed {
    Failed::ForGood(FetchFailure::Unreadable(error.to_string()))
}

fn cache_error(error: &std::io::Error) -> Failed {
    Failed::ForGood(FetchFailure::Cache(error.to_string()))
}
