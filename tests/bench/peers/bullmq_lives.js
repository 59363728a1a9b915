"use strict";
/*
 * Lives of BullMQ's jobs: `node bullmq_lives.js work|enqueue PORT COUNT`, each in a process of its own.
 *
 * Both say `ready`; then `enqueue` waits for a line, says when it begins, and adds with 64 calls in flight; `work` says
 * when the last job is recorded as completed. Times are of the machine's monotonic clock, in seconds. Last of all both
 * say how much CPU they have used since `ready`, in seconds.
 */
const { Queue, Worker } = require("bullmq");

const IN_FLIGHT = 64;
const NAME = "lives";

const say = (word) => process.stdout.write(`${word}\n`);
const now = () => Number(process.hrtime.bigint()) / 1e9;
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

async function work(connection, count) {
  const queue = new Queue(NAME, { connection });
  await queue.waitUntilReady();
  const beforeCount = await queue.getCompletedCount();
  const worker = new Worker(NAME, async () => {}, { connection, concurrency: IN_FLIGHT, autorun: false });
  await worker.waitUntilReady();
  let doneCount = 0;
  const allDone = new Promise((resolve) => {
    // Comes after Redis has answered that the job is completed.
    worker.on("completed", () => {
      doneCount += 1;
      if (doneCount === count) resolve();
    });
  });
  worker.on("error", (error) => {
    throw error;
  });
  worker.run();
  say("ready");
  const before = cpu();
  await allDone;
  say(now());
  say(cpu() - before);
  const completedCount = (await queue.getCompletedCount()) - beforeCount;
  if (completedCount !== count) throw new Error(`${completedCount} jobs were completed, not ${count}`);
  await worker.close();
  await queue.close();
}

async function enqueue(connection, count) {
  const queue = new Queue(NAME, { connection });
  await queue.waitUntilReady();
  say("ready");
  const before = cpu();
  await new Promise((resolve) => process.stdin.once("data", resolve));
  process.stdin.destroy();
  let number = 0;
  const caller = async () => {
    while (number < count) {
      number += 1;
      await queue.add("nothing", { url: `https://video.example/${number}` });
    }
  };
  say(now());
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
  say(cpu() - before);
  await queue.close();
}

const [part, port, count] = process.argv.slice(2);
({ work, enqueue })[part]({ host: "127.0.0.1", port: Number(port), maxRetriesPerRequest: null }, Number(count));
