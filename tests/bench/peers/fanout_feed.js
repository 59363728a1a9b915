// Events come as lines of JSON over TCP.
exports.feed = (port, onEvent) => {
  require("node:net")
    .createServer((socket) => {
      let rest = "";
      socket.setEncoding("utf8").on("error", () => {});
      socket.on("data", (text) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop();
        for (const line of lines) onEvent(JSON.parse(line));
      });
    })
    .listen(port, "127.0.0.1");
};
