using System.Diagnostics.CodeAnalysis;

namespace Grpc.Core;

/// <summary>On a generated service base: where the static method is that binds it.</summary>
[AttributeUsage(AttributeTargets.Class)]
public class BindServiceMethodAttribute(
    [DynamicallyAccessedMembers(BindServiceMethodAttribute.BoundMembers)] Type bindType,
    string bindMethodName
) : Attribute
{
    internal const DynamicallyAccessedMemberTypes BoundMembers =
        DynamicallyAccessedMemberTypes.PublicMethods | DynamicallyAccessedMemberTypes.NonPublicMethods;

    /// <summary>The class with the static method.</summary>
    [DynamicallyAccessedMembers(BoundMembers)]
    public Type BindType { get; } = bindType ?? throw new ArgumentNullException(nameof(bindType));

    /// <summary>The method's name; its parameters are a <see cref="ServiceBinderBase"/> and the service base.</summary>
    public string BindMethodName { get; } = bindMethodName ?? throw new ArgumentNullException(nameof(bindMethodName));
}
