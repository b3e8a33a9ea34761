//! What the program says where brokers do not let it in, or are not who they should be: what is wrong, and what to do.

use crate::broker::Brokers;
use crate::support::program::Program;
use std::ffi::OsStr;
use std::path::Path;
use tokio::process::Command;

/// What it said that ended with this exit code.
async fn refused(code: i32, arguments: &[impl AsRef<OsStr> + std::fmt::Debug], password: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirano"));
    let output = command.args(arguments).env("KAFKA_PASSWORD", password).output().await.expect("runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

fn kafka_table(folder: &Path, name: &str, lines: &[&str]) -> String {
    let file = folder.join(name);
    std::fs::write(&file, format!("[kafka]\n{}\n", lines.join("\n"))).expect("writable");
    file.to_str().expect("UTF-8").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_and_a_strange_certificate_are_told_with_what_to_do() {
    let Some(brokers) = Brokers::start_with_tls() else { return };
    let folder = tempfile::tempdir().expect("temp");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let data = path("data");
    let serve = |brokers: &str, table: &str| -> Vec<String> {
        let demo = ["serve", "--demo", "--demo-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--data", &data];
        let kafka = ["--log", "kafka", "--dev", "--brokers", brokers, "--kafka-config", table];
        demo.iter().chain(&kafka).map(|flag| (*flag).to_owned()).collect()
    };
    let verify = |brokers: &str, table: &str| -> Vec<String> {
        ["verify", "--brokers", brokers, "--kafka-config", table].map(str::to_owned).to_vec()
    };

    // A password.
    let asks = brokers.with_password();
    let lines = [
        "security.protocol = \"SASL_PLAINTEXT\"",
        "sasl.mechanism = \"PLAIN\"",
        "sasl.username = \"mirano\"",
        "sasl.password = { env = \"KAFKA_PASSWORD\" }",
    ];
    let table = kafka_table(folder.path(), "password.toml", &lines);
    for arguments in [serve(&asks, &table), verify(&asks, &table)] {
        let said = refused(1, &arguments, "not-the-one").await;
        for part in ["refused the connection", "Invalid username or password", "[kafka]"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("not-the-one"), "no secret is printed: {said}");
    }
    let right = refused(2, &verify(&asks, &table), "right").await;
    assert!(right.contains("holds no log"), "the right one is let in: {right}");

    // A certificate.
    let (encrypted, authority) = brokers.with_tls();
    let trusting = |name: &str, authority: &Path| {
        let authority = format!("ssl.ca.location = {:?}", authority.to_str().expect("UTF-8"));
        kafka_table(folder.path(), name, &["security.protocol = \"SSL\"", &authority])
    };
    let another = folder.path().join("another.pem");
    let own = std::fs::read_to_string(&authority).expect("readable");
    std::fs::write(&another, another_authority(folder.path())).expect("writable");
    let said = refused(1, &serve(&encrypted, &trusting("another.toml", &another)), "").await;
    for part in ["refused the connection", "certificate", "ssl.ca.location", "[kafka]"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // A file that is no certificate, and one that is not there, are wrong use.
    let none = folder.path().join("none.pem");
    let said = refused(2, &serve(&encrypted, &trusting("none.toml", &none)), "").await;
    assert!(said.contains("ssl.ca.location"), "{said}");
    std::fs::write(&none, &own[own.len() / 2..]).expect("writable");
    let said = refused(2, &serve(&encrypted, &trusting("none.toml", &none)), "").await;
    assert!(said.contains("ssl.ca.location"), "{said}");
    // Who expects no encryption is not left to guess for ever.
    let said = refused(1, &["verify", "--brokers", &encrypted], "").await;
    assert!(said.contains("no answer from the Kafka brokers"), "{said}");

    let flags = serve(&encrypted, &trusting("own.toml", &authority));
    let mut server = Program::start(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    server.says("Mirano is ready").await;
    server.end().await;
}

/// A certificate that vouches for no broker here.
fn another_authority(folder: &Path) -> Vec<u8> {
    let store = folder.join("another.p12");
    let keytool = |arguments: &[&str]| {
        let mut keytool = std::process::Command::new("keytool");
        keytool.args(arguments).args(["-alias", "another", "-storetype", "PKCS12", "-storepass", "of-a-test"]);
        let output = keytool.arg("-keystore").arg(&store).output().expect("keytool, which comes with Java");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        output.stdout
    };
    keytool(&["-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=another", "-validity", "2"]);
    keytool(&["-exportcert", "-rfc"])
}
