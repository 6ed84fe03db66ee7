using Tertulia.Chat;

if (!ChatOptions.TryParse(args, Environment.GetEnvironmentVariable, out var options, out var problem))
{
    await Console.Error.WriteLineAsync(problem);
    return 2;
}

using var screen = new Screen(Console.Out, interactive: !Console.IsInputRedirected && !Console.IsOutputRedirected);
using var conversation = new Conversation(options, screen);
Console.CancelKeyPress += (_, stop) =>
{
    stop.Cancel = true;
    conversation.Post(new Quit());
};
return await conversation.RunAsync();
