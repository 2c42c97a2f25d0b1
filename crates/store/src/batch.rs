//! Groups that form by themselves: while one commit is under way, the next group gathers.
//!
//! There is no timer, so a lone entry is written at once, and a busy time shares its commits.

use std::future::Future;

use tokio::sync::{mpsc, oneshot};

use crate::StoreError;

type Entry<I, O> = (I, oneshot::Sender<Result<O, StoreError>>);

/// Writes entries in groups, one group at a time, and gives each entry its own answer.
pub(crate) struct Batcher<I, O> {
    sender: mpsc::Sender<Entry<I, O>>,
}

impl<I, O> Clone for Batcher<I, O> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone() }
    }
}

impl<I, O> Batcher<I, O>
where
    I: Clone + Send + 'static,
    O: Send + 'static,
{
    /// Writes groups of at most `group_max` with `write`, which answers for each entry in order.
    /// At most `waiting_max` entries wait.
    pub(crate) fn spawn<F, W>(waiting_max: usize, group_max: usize, write: F) -> Self
    where
        F: Fn(Vec<I>) -> W + Send + Sync + 'static,
        W: Future<Output = Result<Vec<O>, StoreError>> + Send,
    {
        let (sender, mut receiver) = mpsc::channel::<Entry<I, O>>(waiting_max);
        tokio::spawn(async move {
            let mut group = Vec::new();
            while receiver.recv_many(&mut group, group_max).await > 0 {
                // Whoever stopped waiting has not been promised anything.
                group.retain(|(_, answer)| !answer.is_closed());
                write_group(&write, std::mem::take(&mut group)).await;
            }
        });
        Self { sender }
    }

    /// Waits until `entry` is committed.
    pub(crate) async fn submit(&self, entry: I) -> Result<O, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.sender.try_send((entry, answer)).map_err(|_| StoreError::Overloaded)?;
        answered.await.unwrap_or(Err(StoreError::Overloaded))
    }
}

/// Writes a group; if that fails, each entry by itself, so that one bad entry spoils no other.
async fn write_group<I: Clone, O, F, W>(write: &F, group: Vec<Entry<I, O>>)
where
    F: Fn(Vec<I>) -> W,
    W: Future<Output = Result<Vec<O>, StoreError>>,
{
    if group.is_empty() {
        return;
    }
    let (entries, answers): (Vec<I>, Vec<_>) = group.into_iter().unzip();
    match write(entries.clone()).await {
        Ok(outcomes) => {
            for (outcome, answer) in outcomes.into_iter().zip(answers) {
                // Nobody waits any more: the outcome is on record all the same.
                let _gone = answer.send(Ok(outcome));
            }
        }
        Err(error) if entries.len() == 1 => {
            if let Some(answer) = answers.into_iter().next() {
                let _gone = answer.send(Err(error));
            }
        }
        Err(error) => {
            tracing::warn!(%error, entries = entries.len(), "a group was not written; writing one by one");
            for (entry, answer) in entries.into_iter().zip(answers) {
                let outcome = write(vec![entry]).await.and_then(|outcomes| {
                    outcomes.into_iter().next().ok_or(StoreError::Corrupt("an answer"))
                });
                let _gone = answer.send(outcome);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn what_arrives_during_a_commit_shares_the_next_one() {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let gate = Arc::new(Semaphore::new(0));
        let batcher = {
            let (sizes, gate) = (sizes.clone(), gate.clone());
            Batcher::spawn(100, 100, move |group: Vec<u32>| {
                let (sizes, gate) = (sizes.clone(), gate.clone());
                async move {
                    gate.acquire().await.unwrap().forget();
                    sizes.lock().unwrap().push(group.len());
                    Ok(group)
                }
            })
        };
        let tasks: Vec<_> = (0..10)
            .map(|n| {
                let batcher = batcher.clone();
                tokio::spawn(async move { batcher.submit(n).await.unwrap() })
            })
            .collect();
        tokio::task::yield_now().await;
        gate.add_permits(10);
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap() as usize, n, "each gets its own answer");
        }
        let sizes = sizes.lock().unwrap();
        assert_eq!(sizes.iter().sum::<usize>(), 10);
        assert!(sizes.len() < 10, "{sizes:?}");
    }

    #[tokio::test]
    async fn one_bad_entry_spoils_no_other() {
        let batcher = Batcher::spawn(100, 100, |group: Vec<u32>| async move {
            if group.contains(&7) { Err(StoreError::Contention) } else { Ok(group) }
        });
        let answers = futures_join((0..10).map(|n| {
            let batcher = batcher.clone();
            tokio::spawn(async move { batcher.submit(n).await })
        }))
        .await;
        for (n, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.is_err(), n == 7, "{n}");
        }
    }

    #[tokio::test]
    async fn more_than_may_wait_is_refused_at_once() {
        let batcher: Batcher<u32, u32> = Batcher::spawn(1, 1, |_| std::future::pending());
        let waiting: Vec<_> = (0..8)
            .map(|n| {
                let batcher = batcher.clone();
                tokio::spawn(async move { batcher.submit(n).await })
            })
            .collect();
        let mut refused = 0;
        for task in waiting {
            if let Ok(answer) =
                tokio::time::timeout(std::time::Duration::from_millis(50), task).await
            {
                assert!(matches!(answer.unwrap(), Err(StoreError::Overloaded)));
                refused += 1;
            }
        }
        assert!(refused >= 5, "{refused}");
    }

    async fn futures_join<T>(tasks: impl Iterator<Item = tokio::task::JoinHandle<T>>) -> Vec<T> {
        let mut done = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            done.push(task.await.unwrap());
        }
        done
    }
}
