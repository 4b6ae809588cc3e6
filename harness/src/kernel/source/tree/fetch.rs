//! Archives from elsewhere, and proof of what they are.
//! Lives here: downloads by curl, SHA-256 of a file.
//! May not live here: unpacking.

use crate::kernel::child::{Call, find, words};
use crate::kernel::error::{At, Error};
use crate::kernel::job::Job;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// For 150 MB over a slow line.
const DEADLINE: Duration = Duration::from_secs(3600);
/// Most bytes of an archive; those of today's kernels have 150 MB with xz and 250 MB with gzip.
const MAX_BYTES: u64 = 4 << 30;
/// curl gives up when less than so many bytes a second come for a minute.
const LEAST_SPEED: u32 = 1000;

/// Downloads a file. It is as long as the server says or not there.
pub fn download(url: &str, target: &Path, job: &Job) -> Result<(), Error> {
    let mut args = words([format!("--fsize={MAX_BYTES}")]);
    args.push(find("curl", "curl")?.into());
    args.extend(words(["--fail", "--silent", "--show-error", "--location", "--max-redirs", "10"]));
    args.extend(words(["--proto", "=https,http,file", "--proto-redir", "=https,http", "--connect-timeout", "30"]));
    args.extend(words(["--speed-time", "60", "--speed-limit"]));
    args.extend(words([LEAST_SPEED.to_string(), "--max-filesize".into(), MAX_BYTES.to_string()]));
    args.extend(words(["--retry", "2", "--globoff", "--output"]));
    args.extend([target.into(), "--".into(), url.into()]);
    // curl's own bound holds only where the server says how much will come.
    let call = Call { program: "prlimit", package: "util-linux", args, directory: None, deadline: DEADLINE };
    match call.run(job) {
        Ok(_) => Ok(()),
        Err(crate::kernel::ChildError::Failed { stderr, .. }) if !stderr.trim().is_empty() => {
            Err(Error::Tree { place: url.to_owned(), why: format!("cannot be fetched: {}", stderr.trim()) })
        }
        Err(error) => Err(error.into()),
    }
}

/// The SHA-256 of a file in hex.
pub fn sha256(path: &Path, job: &Job) -> Result<String, Error> {
    let mut file = File::open(path).at("open", path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        job.check()?;
        let read = file.read(&mut buffer).at("read", path)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// That a file is what it should be.
pub fn verify(place: &str, found: &str, wanted: &str) -> Result<(), Error> {
    if found == wanted {
        return Ok(());
    }
    let why = format!("its SHA-256 is {found}, and {wanted} was asked for");
    Err(Error::Tree { place: place.to_owned(), why })
}
