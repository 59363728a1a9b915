// Socket.IO: node fanout_socketio.js PORT FEED_PORT. Every line of the feed is emitted to a room of all clients.
// As its documentation has it for speed: websocket only, no compression, production.
process.env.NODE_ENV = "production";
const [port, feedPort] = process.argv.slice(2).map(Number);
const http = require("node:http").createServer();
const { Server } = require("socket.io");
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false, pingInterval: 3_600_000 });

io.on("connection", (socket) => socket.join("jobs"));
require("./fanout_feed.js").feed(feedPort, (event) => io.to("jobs").emit("p", event));
http.listen(port, "127.0.0.1");
