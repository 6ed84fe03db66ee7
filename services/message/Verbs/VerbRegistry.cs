using Tertulia.Contracts;

namespace Tertulia.Messages.Verbs;

/// <summary>Finds the verb of a command.</summary>
internal sealed class VerbRegistry
{
    private readonly IVerb?[] _byBody;
    private readonly Dictionary<string, IVerb> _byName = new(StringComparer.Ordinal);

    /// <param name="verbs">All that this service knows.</param>
    /// <exception cref="InvalidOperationException">Two of them are carried the same way.</exception>
    public VerbRegistry(IEnumerable<IVerb> verbs)
    {
        _byBody = new IVerb?[(int)Enum.GetValues<Command.BodyOneofCase>().Max() + 1];
        foreach (var verb in verbs)
        {
            var isFree = verb.Body == Command.BodyOneofCase.Extension ? _byName.TryAdd(verb.ExtensionName, verb) : _byBody[(int)verb.Body] is null;
            if (!isFree)
            {
                throw new InvalidOperationException($"{verb.GetType().Name}: another verb is carried as {verb.Body} {verb.ExtensionName}");
            }

            if (verb.Body != Command.BodyOneofCase.Extension)
            {
                _byBody[(int)verb.Body] = verb;
            }
        }
    }

    /// <returns>Null when the command comes from a node that knows more than this service.</returns>
    public IVerb? Find(Command command) =>
        command.BodyCase == Command.BodyOneofCase.Extension ? _byName.GetValueOrDefault(command.Extension.Verb) : _byBody[(int)command.BodyCase];
}
