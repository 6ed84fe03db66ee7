namespace Tertulia.Connections.Doors.Http;

/// <summary>What users may have done with their data by themselves.</summary>
public sealed class PrivacyOptions
{
    internal const string Section = "Privacy";

    /// <summary>Users may delete themselves; else only admins and services delete users.</summary>
    /// <value>Default false: what is deleted may be needed, and a token that was stolen should not be enough.</value>
    public bool SelfDeletion { get; set; }
}
