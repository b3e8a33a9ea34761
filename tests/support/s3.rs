//! A real S3 server (`s3s-fs`: signatures checked, objects in a folder) that can be away, and can take its time.

#![allow(dead_code, reason = "each test uses a part")]

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub const BUCKET: &str = "evidence";
pub const KEY_ID: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "s3-secret/of+the=store";

/// The server.
pub struct S3 {
    pub at: SocketAddr,
    folder: PathBuf,
    /// While `false`, requests wait.
    pub gate: watch::Sender<bool>,
    up: CancellationToken,
}

impl S3 {
    /// Starts it over a folder with one bucket.
    pub async fn start(folder: &Path) -> Self {
        std::fs::create_dir_all(folder.join(BUCKET)).expect("writable");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("bound");
        let mut server =
            Self { at, folder: folder.to_owned(), gate: watch::Sender::new(true), up: CancellationToken::new() };
        server.serve(listener);
        server
    }

    /// It is gone, with every connection.
    pub fn go_away(&self) {
        self.up.cancel();
    }

    /// It is there again, at the same address.
    pub async fn come_back(&mut self) {
        let listener = TcpListener::bind(self.at).await.expect("the port is free");
        self.serve(listener);
    }

    /// The options of the store, as the environment names them.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT", format!("http://{}", self.at)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }

    fn serve(&mut self, listener: TcpListener) {
        self.up = CancellationToken::new();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(&self.folder).expect("a folder"));
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let (service, up, gate) = (builder.build(), self.up.clone(), self.gate.subscribe());
        tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    () = up.cancelled() => return,
                    accepted = listener.accept() => accepted.expect("accepts").0,
                };
                let (service, up, gate) = (service.clone(), up.clone(), gate.clone());
                tokio::spawn(async move {
                    let gated = tower::service_fn(move |request| {
                        let (service, mut gate) = (service.clone(), gate.clone());
                        async move {
                            gate.wait_for(|open| *open).await.expect("the test goes on");
                            tower::ServiceExt::oneshot(service, request).await
                        }
                    });
                    let builder = Builder::new(TokioExecutor::new());
                    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(gated));
                    tokio::select! {
                        () = up.cancelled() => {}
                        _ = connection => {}
                    }
                });
            }
        });
    }
}
