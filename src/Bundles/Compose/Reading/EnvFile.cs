using System.Text;
using Appliance.Bundles.Compose.Yaml;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>
/// Reads <c>NAME=value</c> lines: blank lines, <c>#</c> comments, a leading <c>export</c>, single quotes (literal) and
/// double quotes (with escapes), both over several lines. Unquoted and double-quoted values are interpolated.
/// </summary>
internal sealed class EnvFile
{
    private readonly string _text;
    private readonly SourceText _source;
    private readonly Variables _variables;
    private readonly Action<Position, string> _error;
    private int _next;

    private EnvFile(SourceText source, Variables variables, Action<Position, string> error) =>
        (_source, _text, _variables, _error) = (source, source.Text, variables, error);

    /// <summary>One line. A null value is a bare name, which asks for the variable of that name.</summary>
    public readonly record struct Line(Position At, string Name, string? Value);

    /// <param name="variables">For interpolation; what the caller adds to it while iterating is seen by later lines.</param>
    public static IEnumerable<Line> Read(SourceText source, Variables variables, Action<Position, string> error) =>
        new EnvFile(source, variables, error).Lines();

    private IEnumerable<Line> Lines()
    {
        while (true)
        {
            SkipWhile(char.IsWhiteSpace);
            if (_next >= _text.Length)
                yield break;
            if (_text[_next] == '#')
            {
                SkipLine();
                continue;
            }

            if (Entry() is { } line)
                yield return line;
        }
    }

    private Line? Entry()
    {
        var at = _source.PositionOf(_next);
        var name = Word();
        if (name == "export" && _next < _text.Length && IsBlank(_text[_next]))
        {
            SkipWhile(IsBlank);
            at = _source.PositionOf(_next);
            name = Word();
        }

        SkipWhile(IsBlank);
        if (!EnvironmentNames.IsValid(name))
        {
            _error(at, $"\"{Field.Shorten(name)}\" is not a variable's name; a line must read NAME=value");
            SkipLine();
            return null;
        }

        if (_next >= _text.Length || _text[_next] is '\n' or '\r' or '#')
        {
            SkipLine();
            return new(at, name, null);
        }

        if (_text[_next] != '=')
        {
            _error(_source.PositionOf(_next), $"\"=\" must follow {name}");
            SkipLine();
            return null;
        }

        _next++;
        SkipWhile(IsBlank);
        return Value() is { } value ? new(at, name, value) : null;
    }

    private string? Value()
    {
        var start = _next;
        if (_next >= _text.Length || _text[_next] is not ('"' or '\''))
        {
            SkipLine();
            var raw = _text[start.._next];
            // A comment begins at a # after a blank; the one in "colour=#fff" is part of the value.
            var comment = raw.StartsWith('#') ? 0 : raw.IndexOf(" #", StringComparison.Ordinal);
            return Interpolate(start, (comment < 0 ? raw : raw[..comment]).Trim());
        }

        var quote = _text[_next++];
        var value = new StringBuilder();
        while (_next < _text.Length && _text[_next] != quote)
        {
            if (quote == '"' && _text[_next] == '\\' && _next + 1 < _text.Length)
            {
                _next++;
                value.Append(
                    _text[_next] switch
                    {
                        'n' => "\n",
                        'r' => "\r",
                        't' => "\t",
                        '$' => "$$",
                        '"' => "\"",
                        '\\' => "\\",
                        var c => $"\\{c}",
                    }
                );
                _next++;
                continue;
            }

            value.Append(_text[_next++]);
        }

        if (_next >= _text.Length)
        {
            _error(_source.PositionOf(start), $"the {quote} is not closed");
            return null;
        }

        _next++;
        SkipWhile(IsBlank);
        if (_next < _text.Length && _text[_next] is not ('\n' or '\r' or '#'))
        {
            _error(_source.PositionOf(_next), "only a comment may follow a quoted value");
            SkipLine();
            return null;
        }

        SkipLine();
        return quote == '\'' ? value.ToString() : Interpolate(start, value.ToString());
    }

    private string? Interpolate(int start, string raw)
    {
        var (text, faults) = Interpolation.Expand(raw, _variables);
        foreach (var fault in faults)
            _error(_source.PositionOf(start), fault.Message);
        return faults.Count == 0 ? text : null;
    }

    private string Word()
    {
        var start = _next;
        SkipWhile(c => !char.IsWhiteSpace(c) && c is not ('=' or '#'));
        return _text[start.._next];
    }

    private void SkipLine() => SkipWhile(c => c is not ('\n' or '\r'));

    private void SkipWhile(Func<char, bool> skip)
    {
        while (_next < _text.Length && skip(_text[_next]))
            _next++;
    }

    private static bool IsBlank(char c) => c is ' ' or '\t';
}

internal static class EnvironmentNames
{
    /// <summary>More than POSIX allows, since servers on the JVM take names with dots and dashes.</summary>
    public static bool IsValid(string name) =>
        name.Length is > 0 and <= 256
        && !char.IsAsciiDigit(name[0])
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');
}
