"""Users: registration, login, logout, roles, and who may call what."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID, uuid4

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from fastapi import APIRouter, Depends, HTTPException, status
from fastapi.concurrency import run_in_threadpool
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from pydantic import EmailStr, SecretStr
from pydantic_settings import BaseSettings
from redis.asyncio import Redis
from sqlalchemy.exc import IntegrityError
from sqlmodel import JSON, Column, Field, SQLModel, select

from .database import AsyncSession, Session


class Settings(BaseSettings):
    jwt_secret: SecretStr = Field(min_length=32)
    admin_password: SecretStr
    redis_url: str = "redis://127.0.0.1:6379"
    token_lifetime: timedelta = timedelta(minutes=15)


settings = Settings()
redis = Redis.from_url(settings.redis_url)
bearer = OAuth2PasswordBearer(tokenUrl="/auth/login")
hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
# Checked where there is no such user, so that the time of an answer does not tell who has an account.
NOBODY = hasher.hash(uuid4().hex)


class Role(StrEnum):
    ADMIN = "admin"
    EDITOR = "editor"
    PUBLISHER = "publisher"
    READER = "reader"


IMPLIES = {
    Role.ADMIN: {Role.EDITOR, Role.PUBLISHER, Role.READER},
    Role.EDITOR: {Role.READER},
    Role.PUBLISHER: {Role.READER},
    Role.READER: set(),
}


class User(SQLModel, table=True):
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    email: str = Field(unique=True)
    name: str
    password: str
    roles: list[Role] = Field(default=[Role.READER], sa_column=Column(JSON))


class Registration(SQLModel):
    email: EmailStr
    name: str = Field(min_length=1, max_length=100)
    password: str = Field(min_length=8, max_length=128)


class UserOut(SQLModel):
    id: UUID
    email: str
    name: str
    roles: list[Role]


class NewRoles(SQLModel):
    roles: list[Role]


class Token(SQLModel):
    access_token: str
    token_type: str = "bearer"
    expires_in: int


def check_password(stored: str, password: str) -> bool:
    try:
        return hasher.verify(stored, password)
    except VerificationError:
        return False


def create_token(user: User) -> Token:
    now = datetime.now(UTC)
    claims = {"sub": str(user.id), "jti": uuid4().hex, "iat": now, "exp": now + settings.token_lifetime}
    token = jwt.encode(claims, settings.jwt_secret.get_secret_value(), algorithm="HS256")
    return Token(access_token=token, expires_in=int(settings.token_lifetime.total_seconds()))


def unauthorized(detail: str) -> HTTPException:
    return HTTPException(status.HTTP_401_UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})


async def current_claims(token: Annotated[str, Depends(bearer)]) -> dict[str, Any]:
    try:
        claims = jwt.decode(
            token,
            settings.jwt_secret.get_secret_value(),
            algorithms=["HS256"],
            options={"require": ["exp", "sub", "jti"]},
        )
    except jwt.InvalidTokenError as error:
        raise unauthorized("Invalid token") from error
    if await redis.exists(f"revoked:{claims['jti']}"):
        raise unauthorized("Token was revoked")
    return claims


Claims = Annotated[dict[str, Any], Depends(current_claims)]


async def current_user(claims: Claims, session: Session) -> User:
    user = await session.get(User, UUID(claims["sub"]))
    if user is None:
        raise unauthorized("No such user")
    return user


CurrentUser = Annotated[User, Depends(current_user)]


def require(*roles: Role):
    async def check(user: CurrentUser) -> User:
        held = set(user.roles).union(*(IMPLIES[Role(role)] for role in user.roles))
        if held.isdisjoint(roles):
            raise HTTPException(status.HTTP_403_FORBIDDEN, f"Requires one of: {', '.join(roles)}")
        return user

    return Depends(check)


Admin = Annotated[User, require(Role.ADMIN)]
Author = Annotated[User, require(Role.EDITOR, Role.PUBLISHER)]

router = APIRouter()


@router.post("/auth/register", status_code=status.HTTP_201_CREATED, response_model=UserOut)
async def register(new: Registration, session: Session) -> User:
    password = await run_in_threadpool(hasher.hash, new.password)
    user = User(email=new.email.lower(), name=new.name, password=password)
    session.add(user)
    try:
        await session.commit()
    except IntegrityError as error:
        raise HTTPException(status.HTTP_409_CONFLICT, "This email is taken") from error
    return user


@router.post("/auth/login")
async def login(form: Annotated[OAuth2PasswordRequestForm, Depends()], session: Session) -> Token:
    user = (await session.exec(select(User).where(User.email == form.username.lower()))).first()
    stored = user.password if user else NOBODY
    matches = await run_in_threadpool(check_password, stored, form.password)
    if user is None or not matches:
        raise unauthorized("Wrong email or password")
    return create_token(user)


@router.post("/auth/logout", status_code=status.HTTP_204_NO_CONTENT)
async def logout(claims: Claims) -> None:
    # Redis forgets it by itself once the token has expired: nothing is left to purge.
    await redis.set(f"revoked:{claims['jti']}", 1, exat=claims["exp"])


@router.get("/me", response_model=UserOut)
async def me(user: CurrentUser) -> User:
    return user


@router.get("/admin/users", response_model=list[UserOut])
async def list_users(_: Admin, session: Session) -> Sequence[User]:
    return (await session.exec(select(User))).all()


@router.patch("/admin/users/{user_id}", response_model=UserOut)
async def set_roles(_: Admin, user_id: UUID, new: NewRoles, session: Session) -> User:
    user = await session.get(User, user_id)
    if user is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "No such user")
    user.roles = new.roles
    session.add(user)
    await session.commit()
    return user


async def add_first_admin(session: AsyncSession) -> None:
    email = "admin@example.com"
    if (await session.exec(select(User).where(User.email == email))).first() is None:
        password = hasher.hash(settings.admin_password.get_secret_value())
        session.add(User(email=email, name="Admin", password=password, roles=[Role.ADMIN]))
        await session.commit()
