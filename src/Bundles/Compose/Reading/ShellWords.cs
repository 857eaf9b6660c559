using System.Text;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>Splits the string form of a command the way a POSIX shell splits words; nothing is expanded.</summary>
internal static class ShellWords
{
    /// <returns>The words, or the reason why they cannot be told.</returns>
    public static (IReadOnlyList<string> Words, string? Error) Split(string text)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        var inWord = false;
        var quote = '\0';

        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            switch (quote, c)
            {
                case ('\'', '\'') or ('"', '"'):
                    quote = '\0';
                    break;
                case ('\0', '\'' or '"'):
                    (quote, inWord) = (c, true);
                    break;
                case ('\0' or '"', '\\'):
                    if (++i == text.Length)
                        return ([], "ends in a lone backslash");
                    // Inside double quotes a backslash only escapes what would be special there.
                    if (quote == '"' && text[i] is not ('"' or '\\' or '$' or '`' or '\n'))
                        word.Append('\\');
                    if (text[i] != '\n')
                        word.Append(text[i]);
                    inWord = true;
                    break;
                case ('\0', ' ' or '\t' or '\n' or '\r'):
                    if (inWord)
                        words.Add(word.ToString());
                    word.Clear();
                    inWord = false;
                    break;
                case ('\0', '|' or '&' or ';' or '<' or '>'):
                    return (
                        [],
                        $"\"{c}\" needs a shell, and none reads this line; write [\"sh\", \"-c\", \"...\"], or put it in quotes"
                    );
                default:
                    word.Append(c);
                    inWord = true;
                    break;
            }
        }

        if (quote != '\0')
            return ([], $"a {quote} is not closed");
        if (inWord)
            words.Add(word.ToString());
        return (words, null);
    }
}
