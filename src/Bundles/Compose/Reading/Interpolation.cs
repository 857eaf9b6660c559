using System.Text;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>
/// Replaces <c>$NAME</c> and <c>${NAME…}</c> as the Compose Specification says (interpolation), with one difference: a
/// variable that is not set and has no default is an error, since an appliance must not start with a blank by accident.
/// </summary>
internal sealed class Interpolation
{
    private const int MaxNesting = 16;

    private readonly string _text;
    private readonly Variables _variables;
    private readonly List<Fault> _faults = [];
    private int _next;

    private Interpolation(string text, Variables variables) => (_text, _variables) = (text, variables);

    /// <param name="Index">Of the dollar sign that begins the faulty expression.</param>
    public readonly record struct Fault(int Index, string Message);

    /// <returns>The new text, which counts only if there are no faults.</returns>
    public static (string Text, IReadOnlyList<Fault> Faults) Expand(string text, Variables variables)
    {
        if (!text.Contains('$', StringComparison.Ordinal))
            return (text, []);

        var interpolation = new Interpolation(text, variables);
        var result = interpolation.Sequence(depth: 0, used: true);
        if (!variables.Spend(result.Length))
            interpolation._faults.Add(new(text.IndexOf('$', StringComparison.Ordinal), Variables.TooMuch));
        return (result, interpolation._faults);
    }

    // Up to the end, or inside braces up to the closing one, which is left to the caller. What is not used is only parsed.
    private string Sequence(int depth, bool used)
    {
        var result = new StringBuilder();
        while (_next < _text.Length && !(depth > 0 && _text[_next] == '}'))
        {
            if (_text[_next] != '$')
            {
                result.Append(_text[_next++]);
                continue;
            }

            result.Append(Expression(depth, used));
            if (result.Length > Variables.MaxValue)
            {
                _faults.Add(new(0, Variables.TooMuch));
                _next = _text.Length;
            }
        }

        return result.ToString();
    }

    private string Expression(int depth, bool used)
    {
        var start = _next++;
        if (TryTake('$'))
            return "$";
        if (TryTake('{'))
            return Braced(start, depth, used);
        if (Name() is { } name)
            return used ? Require(start, name, _variables[name]) : "";

        _faults.Add(new(start, "a lone \"$\"; write \"$$\" for a dollar sign, or \"${NAME}\" for a variable"));
        return "";
    }

    private string Braced(int start, int depth, bool used)
    {
        if (depth >= MaxNesting)
            return Abandon(start, $"variables nested more than {MaxNesting} deep");
        if (Name() is not { } name)
            return Abandon(start, "a variable's name must follow \"${\": letters, digits and \"_\", not a digit first");

        var value = _variables[name];
        if (TryTake('}'))
            return used ? Require(start, name, value) : "";

        var emptyCounts = TryTake(':');
        var @operator = _next < _text.Length ? _text[_next++] : '\0';
        if (@operator is not ('-' or '?' or '+'))
        {
            return Abandon(
                start,
                $"\"${{{name}\" must go on with \"}}\", or with \":-default\", \":?message\" or \":+alternative\""
            );
        }

        var isSet = value is not null && !(emptyCounts && value.Length == 0);
        var operand = Sequence(depth + 1, used && isSet == (@operator == '+'));
        if (!TryTake('}'))
            return Abandon(start, $"\"${{{name}\" is not closed; a \"}}\" is missing");
        if (!used)
            return "";

        switch (@operator)
        {
            case '+':
                return isSet ? operand : "";
            case '?' when !isSet:
                _faults.Add(new(start, $"variable \"{name}\" is required{(operand.Length > 0 ? ": " + operand : "")}"));
                return "";
            default:
                return isSet ? value! : operand;
        }
    }

    private string Require(int start, string name, string? value)
    {
        if (value is null)
        {
            _faults.Add(
                new(
                    start,
                    $"variable \"{name}\" is not set; set it in .env beside the Compose file, or give a default: \"${{{name}:-value}}\""
                )
            );
        }

        return value ?? "";
    }

    // After a syntax error nothing more can be said about the rest.
    private string Abandon(int start, string message)
    {
        // An enclosing expression would only complain about the same end of text.
        if (_next <= _text.Length)
            _faults.Add(new(start, message));
        _next = _text.Length + 1;
        return "";
    }

    private string? Name()
    {
        var start = _next;
        while (
            _next < _text.Length && (IsNameStart(_text[_next]) || (_next > start && char.IsAsciiDigit(_text[_next])))
        )
            _next++;
        return _next == start ? null : _text[start.._next];
    }

    private bool TryTake(char expected)
    {
        if (_next >= _text.Length || _text[_next] != expected)
            return false;
        _next++;
        return true;
    }

    private static bool IsNameStart(char c) => char.IsAsciiLetter(c) || c == '_';
}

/// <summary>The values that interpolation may use, and a budget, since a few lines can ask for gigabytes.</summary>
internal sealed class Variables(IReadOnlyDictionary<string, string> overrides)
{
    public const int MaxValue = 256 * 1024;
    public const string TooMuch = "interpolation makes the text too long";

    private readonly Dictionary<string, string> _fromFile = [];
    private long _budget = 8 * 1024 * 1024;

    public string? this[string name] => overrides.GetValueOrDefault(name) ?? _fromFile.GetValueOrDefault(name);

    /// <summary>Adds a line of the <c>.env</c> file; overrides go on winning over it.</summary>
    public void Add(string name, string value) => _fromFile[name] = value;

    /// <returns>False once more has been asked for than a file may use.</returns>
    public bool Spend(int characters) => (_budget -= characters) >= 0;
}
