//! Readers that do not read.

use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;

/// So long a thread waits for a reader to take what is ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where pieces of a long answer go, from threads that may wait.
#[derive(Clone)]
pub struct Reader<T> {
    to: Sender<T>,
    runtime: Handle,
    patience: Duration,
}

impl<T: Send> Reader<T> {
    /// Of a runtime's own thread.
    pub fn new(to: Sender<T>) -> Self {
        Self { to, runtime: Handle::current(), patience: PATIENCE }
    }

    /// Hands a piece over; whether it was taken. A reader that takes nothing for half a minute is given up, since it holds a
    /// thread, and whatever the answer needs, from others.
    pub fn take(&self, piece: T) -> bool {
        let sent = async { matches!(tokio::time::timeout(self.patience, self.to.send(piece)).await, Ok(Ok(()))) };
        self.runtime.block_on(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::Reader;
    use std::time::Duration;
    use tokio::sync::mpsc::channel;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reader_that_does_not_read_is_given_up() {
        let (send, mut receive) = channel(1);
        let reader = Reader { patience: Duration::from_millis(20), ..Reader::new(send) };
        // Not a thread of the runtime.
        let taken = std::thread::spawn(move || (reader.take(1), reader.take(2)));
        assert_eq!(taken.join().expect("no panic"), (true, false));
        assert_eq!((receive.recv().await, receive.recv().await), (Some(1), None));
        let (send, receive) = channel(1);
        drop(receive);
        let reader = Reader::new(send);
        assert!(!std::thread::spawn(move || reader.take(1)).join().expect("no panic"), "nobody is there");
    }
}
