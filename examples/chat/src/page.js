const [login, talk, status, heard] = ["login", "talk", "status", "heard"].map((id) => document.getElementById(id));
let token, socket;

const call = (path, headers, body) =>
  fetch(path, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) });

login.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { email, password } = Object.fromEntries(new FormData(login));
  const path = event.submitter?.value ?? "/auth/login";
  const body = path === "/auth/login" ? { email, password } : { email, password, name: email.split("@")[0] };
  const answer = await call(path, {}, body);
  const said = await answer.json();
  if (!answer.ok) {
    status.textContent = [said.detail, ...(said.errors ?? []).map((error) => error.msg)].join(" ");
    return;
  }
  token = said.access_token;
  open();
});

function open() {
  // A page cannot set a header here: the token is offered as a subprotocol, and `bearer` is what the server chooses.
  socket = new WebSocket(`${location.origin.replace("http", "ws")}/chat`, ["bearer", token]);
  socket.addEventListener("open", () => show(true, "You are in."));
  socket.addEventListener("close", ({ code, reason }) => show(false, code === 1008 ? `Your login is over (${reason}).` : "Closed."));
  socket.addEventListener("message", ({ data }) => {
    heard.append(Object.assign(document.createElement("li"), { textContent: data }));
  });
}

function show(inside, text) {
  login.hidden = inside;
  talk.hidden = !inside;
  status.textContent = text;
}

talk.addEventListener("submit", (event) => {
  event.preventDefault();
  socket.send(talk.elements.text.value);
  talk.reset();
});
document.getElementById("logout").addEventListener("click", () => call("/auth/logout", { authorization: `Bearer ${token}` }, {}));
