import asyncio
import websockets
import json

async def test():
    url = "ws://localhost:8000/ws/1?user_id=1&username=Juan"

    async with websockets.connect(url) as ws:
        # Recibir confirmación de conexión
        response = await ws.recv()
        print(f"Conectado: {response}")

        # Enviar mensaje
        await ws.send(json.dumps({
            "type": "message",
            "content": "Hola mundo!"
        }))

        # Recibir respuesta
        response = await ws.recv()
        print(f"Respuesta: {response}")

asyncio.run(test())
