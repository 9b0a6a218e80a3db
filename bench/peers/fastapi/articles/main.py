"""Articles, and who may write them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI, status
from sqlmodel import Field, SQLModel, select

from . import auth
from .database import AsyncSession, Session, engine


class Draft(SQLModel):
    title: str
    body: str


class Article(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str
    body: str
    author: str


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    async with AsyncSession(engine) as session:
        await auth.add_first_admin(session)
    yield
    await engine.dispose()
    await auth.redis.aclose()


app = FastAPI(title="Articles", version="1.0.0", lifespan=lifespan)
app.include_router(auth.router)


@app.get("/articles")
async def list_articles(session: Session) -> Sequence[Article]:
    return (await session.exec(select(Article))).all()


@app.post("/articles", status_code=status.HTTP_201_CREATED)
async def create_article(author: auth.Author, draft: Draft, session: Session) -> Article:
    article = Article(title=draft.title, body=draft.body, author=str(author.id))
    session.add(article)
    await session.commit()
    return article
