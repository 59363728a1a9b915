// POST /api/jobs of Express: a JWT by jsonwebtoken with a KeyObject, a checked body, and an array as the queue.
const crypto = require("node:crypto");
const express = require("express");
const jwt = require("jsonwebtoken");

const key = crypto.createSecretKey(Buffer.from(process.env.API_SECRET));
const jobs = [];
const app = express();
app.disable("x-powered-by");
app.use(express.json({ limit: "64kb" }));

app.post("/api/jobs", (request, response) => {
  let claims;
  try {
    const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
    claims = jwt.verify(token, key, { algorithms: ["HS256"], audience: "clipferry", issuer: "clipferry" });
  } catch {
    return response.status(401).json({ code: "UNAUTHENTICATED" });
  }
  const { url } = request.body ?? {};
  if (typeof url !== "string" || !URL.canParse(url)) return response.status(422).json({ code: "FIELD_INVALID" });
  const job = { id: crypto.randomUUID(), owner: claims.sub, url, status: "queued", progress: 0, createdAt: new Date().toISOString() };
  jobs.push(job);
  return response.status(202).location(`/api/jobs/${job.id}`).json(job);
});

// How many were accepted, for who checks.
app.get("/count", (_request, response) => response.json(jobs.length));

app.listen(Number(process.argv[2]), "127.0.0.1");
