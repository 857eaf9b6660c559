using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Appliance.Agent.Control;

/// <summary>A request as an audit record keeps it: without the fields that its proto marks <c>debug_redact</c>.</summary>
internal static class RequestText
{
    private const string NotKept = "(not recorded)";

    /// <summary>The request as JSON; empty for what is no message, as a stream is.</summary>
    public static string Of(object? request)
    {
        try
        {
            return request is IMessage message ? JsonFormatter.Default.Format(WithoutSecrets(message)) : "";
        }
        catch (InvalidOperationException e)
        {
            // A time, or a duration, beyond what they may be: the service refuses it, and who sent it is on record.
            return e.Message;
        }
    }

    private static IMessage WithoutSecrets(IMessage message)
    {
        if (!HasSecrets(message.Descriptor, []))
            return message;
        var copy = message.Descriptor.Parser.ParseFrom(message.ToByteString());
        Remove(copy);
        return copy;
    }

    private static bool HasSecrets(MessageDescriptor type, HashSet<MessageDescriptor> seen) =>
        seen.Add(type)
        && type.Fields.InFieldNumberOrder()
            .Any(f => IsSecret(f) || (f.FieldType is FieldType.Message && HasSecrets(f.MessageType, seen)));

    private static void Remove(IMessage message)
    {
        foreach (var field in message.Descriptor.Fields.InFieldNumberOrder())
        {
            var value = field.Accessor.GetValue(message);
            if (IsSecret(field))
            {
                if (value is string { Length: > 0 } && !field.IsRepeated)
                    field.Accessor.SetValue(message, NotKept);
                else
                    field.Accessor.Clear(message);
            }
            else if (field.FieldType is FieldType.Message)
            {
                IEnumerable<IMessage> inner = value switch
                {
                    IMessage one => [one],
                    System.Collections.IDictionary map => map.Values.OfType<IMessage>(),
                    System.Collections.IList many => many.OfType<IMessage>(),
                    _ => [],
                };
                foreach (var one in inner)
                    Remove(one);
            }
        }
    }

    private static bool IsSecret(FieldDescriptor field) => field.GetOptions()?.DebugRedact ?? false;
}
