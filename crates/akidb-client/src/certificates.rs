//! Certificates of nodes that tests and measurements start.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};

/// Whoever may read the file of a key.
const OWNER_ALONE: u32 = 0o600;

/// An authority that nobody trusts who is not told to.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// There are no random numbers.
    pub fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "an authority of tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate()?).map(Self)
    }

    /// Its own certificate, in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate of a node that has these names, valid from the beginning of a year to that of another.
    ///
    /// # Errors
    /// A name is none.
    pub fn issue(&self, names: &[&str], years: (i32, i32)) -> Result<Issued, rcgen::Error> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "a node of tests");
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0)?.pem();
        Ok(Issued { certificate, key: key.serialize_pem() })
    }

    /// A certificate that `localhost` and the addresses of loopback may show now.
    ///
    /// # Errors
    /// As [`Authority::issue`].
    pub fn issue_for_loopback(&self) -> Result<Issued, rcgen::Error> {
        self.issue(&["localhost", "127.0.0.1", "::1"], (2020, 4000))
    }
}

impl Issued {
    /// Writes both into a folder, and answers where they lie.
    ///
    /// # Errors
    /// The files can not be written.
    pub fn write(&self, folder: &Path) -> io::Result<[PathBuf; 2]> {
        let [certificate, key] = ["node.crt", "node.key"].map(|name| folder.join(name));
        fs::write(&certificate, &self.certificate)?;
        fs::write(&key, &self.key)?;
        fs::set_permissions(&key, fs::Permissions::from_mode(OWNER_ALONE))?;
        Ok([certificate, key])
    }
}
