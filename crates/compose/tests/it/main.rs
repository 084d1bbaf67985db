//! Tests of the library by what it leaves: files, repositories and images, read back by the tools that users have.

mod archives;
mod downloads;
mod openpgp;
