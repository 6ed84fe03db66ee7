// Conectar a WebSocket
const ws = new WebSocket('ws://localhost:8000/ws/1?user_id=1&username=Juan');

// Escuchar conexión
ws.onopen = () => {
    console.log('✅ Conectado');
};

// Escuchar mensajes
ws.onmessage = (event) => {
    const data = JSON.parse(event.data);
    console.log('📨 Evento:', data.type, data.data);

    if (data.type === 'message') {
        console.log(`💬 ${data.data.username}: ${data.data.content}`);
    }
};

// Enviar mensaje
function sendMessage(content) {
    ws.send(JSON.stringify({
        type: 'message',
        content: content
    }));
}

// Indicar que está escribiendo
function sendTyping(isTyping) {
    ws.send(JSON.stringify({
        type: 'typing',
        is_typing: isTyping
    }));
}

// Uso:
sendMessage('Hola a todos!');
sendTyping(true);  // Empezar a escribir
sendTyping(false); // Dejar de escribir
