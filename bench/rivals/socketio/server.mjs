// One server of a pair: rooms over the Redis adapter, as the project's documentation sets it up
// (https://socket.io/docs/v4/redis-adapter/). Nothing is stored and nothing is confirmed.
//   PORT=9001 REDIS_URL=redis://127.0.0.1:6379 node server.mjs
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';

const publisher = createClient({ url: process.env.REDIS_URL });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const http = createServer();
const io = new Server(http, { adapter: createAdapter(publisher, subscriber), transports: ['websocket'], serveClient: false });

io.on('connection', (socket) => {
  const { user_id: userId, username } = socket.handshake.query;
  let number = 0;
  socket.on('join-room', async (room, joined) => {
    await socket.join(room);
    joined();
  });
  socket.on('message', ({ room, text }) => {
    io.to(room).emit('new-message', { id: `${socket.id}-${++number}`, room, userId, username, text, createdAt: Date.now() });
  });
});

http.listen(Number(process.env.PORT), '127.0.0.1', 4096);
