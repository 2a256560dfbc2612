//! Many small questions in one statement: ten thousand tables take neither ten thousand round trips nor as
//! many locks at a time.

use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// How many questions are asked at once.
pub(super) const MOST: usize = 100;

/// A row, as text; none is NULL.
pub(super) type Answer = Vec<Option<String>>;

/// Asks questions that have one row each, all with as many columns. The answers come in their order; none
/// when the server refuses one of them. Then the snapshot goes on as if nobody had asked, and who asks one by
/// one hears which it is.
///
/// The savepoint is gone back to in any case: that lets go of the locks.
pub(super) async fn ask(client: &Client, questions: &[String]) -> Result<Option<Vec<Answer>>, Error> {
    if questions.is_empty() {
        return Ok(Some(Vec::new()));
    }
    const BACK: &str = "ROLLBACK TO SAVEPOINT batch; RELEASE SAVEPOINT batch";
    let all = questions.iter().enumerate();
    let all: Vec<String> =
        all.map(|(at, question)| format!("SELECT {at}, * FROM ({question}) q{at}")).collect();
    let asked = client.simple_query(&format!("SAVEPOINT batch; {}; {BACK}", all.join(" UNION ALL "))).await;
    let messages = match asked {
        Ok(messages) => messages,
        Err(error) if error.as_db_error().is_some() && !client.is_closed() => {
            client.batch_execute(BACK).await?;
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut answers = vec![Answer::new(); questions.len()];
    for message in messages {
        let SimpleQueryMessage::Row(row) = message else { continue };
        let at = row.try_get(0)?.and_then(|text| text.parse::<usize>().ok());
        let columns = (1..row.len()).map(|column| Ok(row.try_get(column)?.map(str::to_owned)));
        if let Some(answer) = at.and_then(|at| answers.get_mut(at)) {
            *answer = columns.collect::<Result<_, Error>>()?;
        }
    }
    Ok(Some(answers))
}
