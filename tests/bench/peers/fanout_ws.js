// ws: node fanout_ws.js PORT FEED_PORT. Every line of the feed is sent to all clients, encoded once.
process.env.NODE_ENV = "production";
const [port, feedPort] = process.argv.slice(2).map(Number);
const { WebSocket, WebSocketServer } = require("ws");
const server = new WebSocketServer({ host: "127.0.0.1", port, perMessageDeflate: false });

require("./fanout_feed.js").feed(feedPort, (event) => {
  const data = Buffer.from(JSON.stringify(event));
  for (const client of server.clients) {
    if (client.readyState === WebSocket.OPEN) client.send(data, { binary: false });
  }
});
