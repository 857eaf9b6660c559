using System.Security.Cryptography;
using System.Text;

namespace Appliance.Agent.Alerts;

/// <summary>Names of rules and tokens, which people type and read.</summary>
internal static class RuleNames
{
    private const int MaxLength = 63;

    public static bool IsOne(string name) =>
        name.Length is > 0 and <= MaxLength
        && char.IsAsciiLetterOrDigit(name[0])
        && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-');

    public static string WhyNot(string field) =>
        $"{field} must be 1 to {MaxLength} lower-case letters, digits, '.', '_' and '-', and begin with a letter or digit";
}

/// <summary>What labels may be, of an alert that is received and of a rule.</summary>
internal static class AlertLabels
{
    public const int MaxCount = 64;
    public const int MaxName = 128;
    public const int MaxValue = 1024;

    /// <summary>Characters of all names and values: so many alerts are kept that more would be too much.</summary>
    public const int MaxTotal = 4096;

    private const string Title = "alertname";
    private const int MaxTitle = 80;

    /// <summary>What is wrong with labels, beginning with the field; null: nothing.</summary>
    /// <param name="field">What they are called.</param>
    public static string? WhyNot(string field, IReadOnlyDictionary<string, string> labels)
    {
        if (labels.Count > MaxCount)
            return $"{field}: more than {MaxCount}";
        var total = 0;
        foreach (var (name, value) in labels)
        {
            if (name.Length is 0 or > MaxName)
                return $"{field}: a name is empty, or longer than {MaxName} characters";
            if (name.Any(char.IsControl))
                return $"{field}: a name holds control characters";
            if (value.Length > MaxValue)
                return $"{field}.{name}: longer than {MaxValue} characters";
            total += name.Length + value.Length;
        }
        return total > MaxTotal ? $"{field}: longer than {MaxTotal} characters together" : null;
    }

    /// <summary>For an alert whose sender gave it none. Other than a sender's: those have no dash.</summary>
    public static string Fingerprint(IReadOnlyDictionary<string, string> labels)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, value) in labels.OrderBy(l => l.Key, StringComparer.Ordinal))
        {
            Append(name);
            Append(value);
        }
        return $"labels-{Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16))}";

        // With its length in front: no two different sets of labels are the same bytes.
        void Append(string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            hash.AppendData(Encoding.ASCII.GetBytes($"{bytes.Length}:"));
            hash.AppendData(bytes);
        }
    }

    /// <summary>What people call an alert.</summary>
    public static string NameOf(IReadOnlyDictionary<string, string> labels) =>
        !labels.TryGetValue(Title, out var name) || name.Length == 0 ? "without a name"
        : name.Length > MaxTitle ? $"{name.AsSpan(0, MaxTitle)}…"
        : name;
}
