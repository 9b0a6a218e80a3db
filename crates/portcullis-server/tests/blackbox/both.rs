/// Runs each test on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    use portcullis_testkit::server::{Engine, Setup};
                    super::$name(Setup::new(Engine::Sqlite)).await;
                }
            )+
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    use portcullis_testkit::server::{Engine, Setup};
                    super::$name(Setup::new(Engine::Postgres)).await;
                }
            )+
        }
    };
}
