//! A real HTTP server on the loopback interface, for tests of downloads: it serves bytes from memory, honours ranges and entity
//! tags, fails as it is told, and remembers what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// What goes wrong with one answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// An answer of this status, with these headers and no body.
    Status(u16, Vec<(&'static str, String)>),
    /// The connection ends after so many bytes of the body, which its headers said to be longer.
    Truncate(usize),
    /// Nothing comes any more after so many bytes of the body.
    Stall(usize),
    /// Another body than the file's.
    Body(Vec<u8>),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// Without the escapes of URLs.
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
}

/// A server; it ends when it is dropped.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    stopping: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    faults: BTreeMap<String, VecDeque<Fault>>,
    received: Vec<Received>,
    /// What the header `Authorization` must be.
    authorization: Option<String>,
}

impl HttpServer {
    /// Starts a server on a free port, with nothing to serve.
    ///
    /// # Panics
    /// When the loopback interface does not work.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port of the loopback interface");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared::default());
        let accepting = std::thread::spawn({
            let shared = shared.clone();
            move || accept(&listener, &shared)
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    /// The address of the server's root, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves bytes under a path that begins with a slash, from now on.
    pub fn serve(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.shared.state().files.insert(path.to_owned(), bytes.into());
    }

    /// From now on nothing is found.
    pub fn clear(&self) {
        self.shared.state().files.clear();
    }

    /// From now on no path that begins so is found.
    pub fn remove_all(&self, prefix: &str) {
        self.shared.state().files.retain(|path, _| !path.starts_with(prefix));
    }

    /// Serves all files below a folder as they are now, under a path that begins and ends with a slash.
    pub fn serve_folder(&self, path: &str, folder: &Path) -> io::Result<()> {
        for entry in fs_err::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{path}{}", entry.file_name().to_string_lossy());
            if fs_err::metadata(entry.path())?.is_dir() {
                self.serve_folder(&format!("{name}/"), &entry.path())?;
            } else {
                self.serve(&name, fs_err::read(entry.path())?);
            }
        }
        Ok(())
    }

    /// From now on the path is not found.
    pub fn remove(&self, path: &str) {
        self.shared.state().files.remove(path);
    }

    /// From now on, requests without this header `Authorization` are refused.
    pub fn require(&self, authorization: &str) {
        self.shared.state().authorization = Some(authorization.to_owned());
    }

    /// The next answer for this path fails so, once. Several such orders hold one after the other.
    pub fn fail(&self, path: &str, fault: Fault) {
        self.shared.state().faults.entry(path.to_owned()).or_default().push_back(fault);
    }

    /// The requests for a path so far.
    pub fn received(&self, path: &str) -> Vec<Received> {
        self.shared.state().received.iter().filter(|request| request.path == path).cloned().collect()
    }

    /// All requested paths so far, in order.
    pub fn paths(&self) -> Vec<String> {
        self.shared.state().received.iter().map(|request| request.path.clone()).collect()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut answering: Vec<JoinHandle<()>> = Vec::new();
    for stream in listener.incoming() {
        if shared.stopping() {
            break;
        }
        let Ok(stream) = stream else { continue };
        let shared = shared.clone();
        // A client that goes away in the middle is part of many tests.
        answering.push(std::thread::spawn(move || drop(answer(&stream, &shared))));
    }
    for thread in answering {
        let _ = thread.join();
    }
}

fn answer(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let Some(request) = read_request(&mut BufReader::new(stream))? else { return Ok(()) };
    let (fault, file) = {
        let mut state = shared.state();
        state.received.push(request.clone());
        let is_refused = state.authorization.as_ref().is_some_and(|wanted| request.headers.get("authorization") != Some(wanted));
        if is_refused {
            drop(state);
            return write_head(stream, 401, 0, &[("WWW-Authenticate", "Basic realm=\"packages\"".to_owned())]);
        }
        let fault = state.faults.get_mut(&request.path).and_then(VecDeque::pop_front);
        (fault, state.files.get(&request.path).cloned())
    };
    let mut stream = stream;
    match (fault, file) {
        (Some(Fault::Status(status, headers)), _) => write_head(stream, status, 0, &headers),
        (Some(Fault::Body(body)), _) => {
            write_head(stream, 200, body.len(), &[])?;
            stream.write_all(&body)
        }
        (None, None) => write_head(stream, 404, 0, &[]),
        (Some(_), None) => write_head(stream, 500, 0, &[]),
        (fault, Some(file)) => {
            let body = write_file_head(stream, &request, &file)?;
            let limit = match fault {
                Some(Fault::Truncate(limit) | Fault::Stall(limit)) => limit.min(body.len()),
                _ => body.len(),
            };
            stream.write_all(&body[..limit])?;
            stream.flush()?;
            while matches!(fault, Some(Fault::Stall(_))) && !shared.stopping() {
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Received>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let path = unescaped(lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default());
    let headers = lines.iter().skip(1).filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Ok(Some(Received { path, headers }))
}

/// A URL's path with `%2b` and the like as the characters that they stand for.
fn unescaped(path: &str) -> String {
    let mut parts = path.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => bytes.extend([&[byte], &part.as_bytes()[2..]].concat()),
            None => bytes.extend([b"%", part.as_bytes()].concat()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Writes the head of an answer and gives the part of the file that is its body.
fn write_file_head<'a>(stream: &TcpStream, request: &Received, file: &'a [u8]) -> io::Result<&'a [u8]> {
    let etag = etag(file);
    let mut headers = vec![("ETag", etag.clone()), ("Accept-Ranges", "bytes".to_owned())];
    if request.headers.get("if-none-match") == Some(&etag) {
        write_head(stream, 304, 0, &headers)?;
        return Ok(&[]);
    }
    let same = request.headers.get("if-range").is_none_or(|known| *known == etag);
    let range = request.headers.get("range").filter(|_| same);
    let start = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    match start {
        Some(start) if start < file.len() => {
            headers.push(("Content-Range", format!("bytes {start}-{}/{}", file.len() - 1, file.len())));
            write_head(stream, 206, file.len() - start, &headers)?;
            Ok(&file[start..])
        }
        Some(_) => write_head(stream, 416, 0, &headers).map(|()| &file[..0]),
        None => write_head(stream, 200, file.len(), &headers).map(|()| file),
    }
}

fn write_head(mut stream: &TcpStream, status: u16, length: usize, headers: &[(&str, String)]) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status} Scripted\r\nContent-Length: {length}\r\nConnection: close\r\n")?;
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    stream.write_all(b"\r\n")
}

fn etag(file: &[u8]) -> String {
    let digest = Sha256::digest(file);
    format!("\"{:02x}{:02x}{:02x}{:02x}\"", digest[0], digest[1], digest[2], digest[3])
}
