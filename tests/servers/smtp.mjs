// A mail server that keeps what it is given: `node smtp.mjs PORT FOLDER none|starttls|tls [REFUSED]`.
// Each letter is a line of JSON in FOLDER/mails.jsonl. It wants user `aim` and password `p@ss+word`
// where there is TLS. Letters to REFUSED are refused for good.
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { simpleParser } from "mailparser";
import { SMTPServer } from "smtp-server";

const [port, folder, security, refused] = process.argv.slice(2);
const encrypted = security !== "none";
const keys = encrypted
  ? { key: readFileSync(join(folder, "key.pem")), cert: readFileSync(join(folder, "cert.pem")) }
  : {};

const server = new SMTPServer({
  ...keys,
  secure: security === "tls",
  authOptional: !encrypted,
  disabledCommands: encrypted ? [] : ["AUTH", "STARTTLS"],
  onAuth(auth, session, done) {
    const known = auth.username === "aim" && auth.password === "p@ss+word";
    done(known ? null : new Error("wrong password"), known ? { user: auth.username } : undefined);
  },
  onRcptTo(address, session, done) {
    if (address.address !== refused) return done();
    done(Object.assign(new Error("no such mailbox"), { responseCode: 550 }));
  },
  async onData(stream, session, done) {
    try {
      const chunks = [];
      for await (const chunk of stream) chunks.push(chunk);
      const raw = Buffer.concat(chunks).toString("utf8");
      const mail = await simpleParser(raw);
      const line = {
        from: session.envelope.mailFrom.address,
        to: session.envelope.rcptTo.map((it) => it.address),
        subject: mail.subject,
        text: mail.text,
        messageId: mail.messageId,
        headers: mail.headerLines.map((it) => it.key),
        secure: session.secure,
        user: session.user ?? null,
      };
      appendFileSync(join(folder, "mails.jsonl"), JSON.stringify(line) + "\n");
      done();
    } catch (error) {
      done(error);
    }
  },
});
server.on("error", (error) => console.error("error:", error.message));
server.listen(Number(port), "127.0.0.1", () => console.log("Listening"));
