//! An S3 server over HTTP, with its objects in a directory.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::{net::TcpListener, runtime::Runtime};

use super::{Test, TestHost};

/// A bucket `vault` that one key opens.
pub struct TestBucket {
    root: PathBuf,
    address: SocketAddr,
    _runtime: Runtime,
}

impl TestBucket {
    /// Serves until it is dropped.
    pub fn start(host: &TestHost) -> Self {
        let root = host.home().join("s3");
        std::fs::create_dir_all(root.join("vault")).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(&root).unwrap());
        service.set_auth(SimpleAuth::from_single("AKIDTEST", "test-secret"));
        let service = service.build();
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    // Whoever hangs up has enough.
                    drop(
                        builder
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Self {
            root,
            address,
            _runtime: runtime,
        }
    }

    /// The variables that lead there.
    pub fn open<'a>(&self, test: Test<'a>) -> Test<'a> {
        test.env("AWS_S3_BUCKET", "vault")
            .env("AWS_ACCESS_KEY_ID", "AKIDTEST")
            .env("AWS_SECRET_ACCESS_KEY", "test-secret")
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("AWS_S3_PREFIX", "dokku/one")
    }

    /// Where the objects are.
    pub fn objects(&self) -> PathBuf {
        self.root.join("vault")
    }

    /// Where the server keeps its own notes, such as parts of uploads.
    pub fn root(&self) -> &Path {
        &self.root
    }
}
