using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Appliance.Bundles.Compose.Yaml;

/// <summary>
/// YamlDotNet's parser, whose scanner answers some bad input (an unclosed flow collection before a key, for one) with
/// exceptions that are meant for bugs: here they are what they stand for, a syntax error at the place reached.
/// </summary>
internal sealed class GuardedParser : IParser
{
    private readonly Scanner _scanner;
    private readonly Parser _parser;

    public GuardedParser(string text)
    {
        _scanner = new Scanner(new StringReader(text), skipComments: true);
        _parser = new Parser(_scanner);
    }

    public ParsingEvent? Current => _parser.Current;

    public bool MoveNext()
    {
        try
        {
            return _parser.MoveNext();
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or IndexOutOfRangeException)
        {
            var reached = _scanner.CurrentPosition;
            throw new SyntaxErrorException(
                reached,
                reached,
                "unexpected text; is a bracket, brace or quote left open?"
            );
        }
    }
}
