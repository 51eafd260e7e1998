// An issuer of OpenID Connect: `node oidc.mjs PORT REDIRECT_URI`. It signs everybody in who comes, as
// whoever was last named: `POST /test` takes JSON with any of
//   account  { sub, email, email_verified, name }
//   mode     what it does wrong: "none", "hs256", "nonce", "audience", "expired", "redirect" or ""
//   rotate   true: new keys from now on
// and `GET /test` says what it was asked: { keys, internal }.
import { createHmac, generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { exportJWK, SignJWT, decodeJwt } from "jose";
import Provider from "oidc-provider";

const [port, redirect] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const state = {
  account: { sub: "anna", email: "anna@corp.example", email_verified: true, name: "Anna" },
  mode: "",
  internal: 0,
  keys: 0,
};
let current;

async function renew() {
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const kid = `key-${++state.keys}`;
  const jwk = { ...(await exportJWK(pair.privateKey)), kid, use: "sig", alg: "RS256" };
  const provider = new Provider(issuer, {
    jwks: { keys: [jwk] },
    clients: [
      { client_id: "aim", client_secret: "a secret of tests only, and long", redirect_uris: [redirect] },
    ],
    cookies: { keys: ["a cookie key of tests"] },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false } },
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ ...state.account, sub: id }) }),
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope("openid email profile");
      await grant.save();
      return grant;
    },
    ttl: {
      AuthorizationCode: () => (state.mode === "expired" ? 1 : 60),
      AccessToken: 60, IdToken: 60, Interaction: 60, Session: 60, Grant: 60,
    },
  });
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path !== "/token" || !ctx.body?.id_token) return;
    const claims = decodeJwt(ctx.body.id_token);
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const body = encode(claims);
    const forge = async (changed) =>
      new SignJWT({ ...claims, ...changed }).setProtectedHeader({ alg: "RS256", kid }).sign(pair.privateKey);
    if (state.mode === "none") ctx.body.id_token = `${encode({ alg: "none" })}.${body}.`;
    if (state.mode === "hs256") {
      const pem = pair.publicKey.export({ type: "spki", format: "pem" });
      const signed = `${encode({ alg: "HS256", kid })}.${body}`;
      ctx.body.id_token = `${signed}.${createHmac("sha256", pem).update(signed).digest("base64url")}`;
    }
    if (state.mode === "secret") {
      const signed = `${encode({ alg: "HS256" })}.${body}`;
      const hmac = createHmac("sha256", "a secret of tests only, and long");
      ctx.body.id_token = `${signed}.${hmac.update(signed).digest("base64url")}`;
    }
    if (state.mode === "nonce") ctx.body.id_token = await forge({ nonce: "another" });
    if (state.mode === "audience") ctx.body.id_token = await forge({ aud: "another" });
    if (state.mode === "late") ctx.body.id_token = await forge({ exp: claims.iat - 1 });
    if (state.mode === "issuer") ctx.body.id_token = await forge({ iss: "https://evil.example" });
    if (state.mode === "forged") {
      const other = generateKeyPairSync("rsa", { modulusLength: 2048 });
      ctx.body.id_token = await new SignJWT(claims)
        .setProtectedHeader({ alg: "RS256", kid })
        .sign(other.privateKey);
    }
  });
  current = { provider, callback: provider.callback() };
}

function answer(response, body) {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

await renew();
createServer(async (request, response) => {
  const { pathname } = new URL(request.url, issuer);
  if (pathname === "/internal") {
    state.internal += 1;
    return answer(response, {});
  }
  if (pathname === "/test") {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const wanted = JSON.parse(Buffer.concat(chunks).toString() || "{}");
    if (wanted.account) state.account = wanted.account;
    if (wanted.mode !== undefined) state.mode = wanted.mode;
    if (wanted.rotate) await renew();
    return answer(response, { keys: state.keys, internal: state.internal });
  }
  if (pathname === "/token" && state.mode === "redirect") {
    response.writeHead(307, { location: `${issuer}/internal` });
    return response.end();
  }
  if (pathname.startsWith("/interaction/")) {
    const result = { login: { accountId: state.account.sub } };
    return current.provider.interactionFinished(request, response, result);
  }
  return current.callback(request, response);
}).listen(Number(port), "127.0.0.1", () => console.log("Listening"));
